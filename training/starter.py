"""The recipe of the starter reply model: every step from text to the shipped folder, top to bottom.

    python -m training.starter --conversations DIR --out nlp/starter/reply

Stage one teaches English service dialogue on public conversation sets, delexicalised; stage two
the demo shop's written corpus, recombined. A killed run goes on where it stopped (`--work`). Knows
no database and nothing of serving.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import GPT2Config, GPT2LMHeadModel

from nlp import slots
from nlp.encoder import Encoder
from nlp.prompts import PromptCodec
from nlp.recognisers import recognise
from nlp.retrieval import passages
from training.corpus import Dialogue, read_articles, read_conversations, read_shop
from training.dataset import NEIGHBOURS, Memory, examples, moments
from training.finetune import Example, TuneConfig, is_finished, tune
from training.recombine import recombine
from training.tokenizer import train_tokenizer

log = logging.getLogger(__name__)

PUBLIC_SETS = {
    "en_abcd_retail_chat.jsonl": ("ABCD v1.1, ASAPP Research", "MIT"),
    "en_star_services.jsonl.gz": ("STAR, Rasa", "MIT"),
    "en_cucom_ecommerce_SYNTHETIC.jsonl.gz": ("cucom e-commerce (synthetic), vakyansh", "Apache-2.0"),
}
"""Conversation files of stage one, with source and licence for the model card."""

VOCABULARY = 4096
LAYERS, WIDTH, HEADS, POSITIONS = 6, 256, 4, 512


def delexicalise(text: str) -> str:
    """Public text to template, by the recognisers alone: what has a form becomes a slot."""
    return slots.delexicalise(text, recognise(text))


def public_dialogues(folder: Path) -> list[Dialogue]:
    """Stage one's conversations; raises FileNotFoundError naming what is missing."""
    out: list[Dialogue] = []
    for name in PUBLIC_SETS:
        path = folder / name
        if not path.exists():
            raise FileNotFoundError(
                f"{path} is missing: pass the folder of the public sets by --conversations"
            )
        out += read_conversations(path, delexicalise)
    return out


class CachedEmbedder:
    """Unit vectors by the encoder, kept on disk by what was embedded: 80,000 texts take minutes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._encoder: Encoder | None = None

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of shape (n, 384) for `texts`."""
        digest = hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()[:16]
        path = self._folder / f"{digest}.npy"
        if path.exists():
            cached: NDArray[np.float32] = np.load(path, allow_pickle=False)
            return cached
        self._encoder = self._encoder or Encoder.load()
        parts = []
        for start in range(0, len(texts), 4096):
            parts.append(self._encoder.embed(texts[start : start + 4096]))
            log.info("embedded %d of %d", min(start + 4096, len(texts)), len(texts))
        vectors = np.concatenate(parts)
        self._folder.mkdir(parents=True, exist_ok=True)
        np.save(path, vectors)
        return vectors


def build_examples(
    dialogues: Sequence[Dialogue],
    remembered: Sequence[Dialogue],
    codec: PromptCodec,
    embedder: CachedEmbedder,
    *,
    seed: int,
    help_texts: Sequence[tuple[str, str]] = (),
    augment: bool = True,
    context_weight: float = 0.0,
) -> list[Example]:
    """Examples of `dialogues`, with neighbours from `remembered` and passages from `help_texts`."""
    memory = Memory.build(remembered, embedder)
    wanted = list(moments(dialogues))
    vectors = embedder([m.query for m in wanted])
    near = memory.neighbours(wanted, vectors, NEIGHBOURS)
    articles = nearest_passages(vectors, help_texts, embedder)
    return examples(wanted, near, articles, codec, seed=seed, augment=augment, context_weight=context_weight)


def nearest_passages(
    vectors: NDArray[np.float32], help_texts: Sequence[tuple[str, str]], embedder: CachedEmbedder
) -> list[str]:
    """For each query vector the nearest passage of (title, body) articles, "" where there are none."""
    found = [(f"{title}. {part}", part) for title, body in help_texts for part in passages(body)]
    if not found:
        return [""] * len(vectors)
    keys = embedder([slots.spoken(key) for key, _ in found])
    best = (vectors @ keys.T).argmax(axis=1)
    return [found[i][1] for i in best]


def new_model(codec: PromptCodec, seed: int) -> GPT2LMHeadModel:
    """An untrained GPT-2 of the starter's shape, without dropout: every text is seen a few times only."""
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=codec.vocabulary_size,
        bos_token_id=codec.end,
        eos_token_id=codec.end,
        pad_token_id=codec.end,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        n_layer=LAYERS,
        n_embd=WIDTH,
        n_head=HEADS,
        n_positions=POSITIONS,
    )
    # Measured on two cores: eager attention trains 1.7 times as fast as the fused one in bf16.
    config._attn_implementation = "eager"
    return GPT2LMHeadModel(config)


def train(arguments: argparse.Namespace) -> dict[str, object]:
    """Run the recipe; returns the figures of the run."""
    work: Path = arguments.work
    files = read_shop(arguments.shop)
    written = [d for f in files for d in f.dialogues]
    embedder = CachedEmbedder(work / "vectors")
    shop = recombine(files, embedder, seed=arguments.seed)
    articles = read_articles(arguments.shop)
    public = public_dialogues(arguments.conversations)
    log.info("%d public and %d shop conversations", len(public), len(shop))

    texts = [text for d in [*public, *shop] for _, text in d.turns]
    if not (work / "tokenizer" / "tokenizer.json").exists():
        train_tokenizer(texts, vocabulary=VOCABULARY, folder=work / "tokenizer")
    codec = PromptCodec.load(work / "tokenizer")

    memory = [d for d in shop if "~" not in d.id or d.origin.endswith("/replies")]
    held_out = [d for d in written if d.held_out]
    validation = build_examples(
        held_out, memory, codec, embedder, seed=arguments.seed, help_texts=articles, augment=False
    )
    model = new_model(codec, arguments.seed)
    stage_one = TuneConfig(steps=arguments.public_steps, seed=arguments.seed, final_rate=5e-4)
    first: list[Example] = []
    if not is_finished(work / "public", stage_one):
        # Stage one also models what customers write: a little English for free.
        first = build_examples(public, public, codec, embedder, seed=arguments.seed, context_weight=0.1)
    rows_one = tune(model, first, stage_one, checkpoint=work / "public", validation=validation)
    stage_two = TuneConfig(
        steps=arguments.shop_steps, seed=arguments.seed + 1, learning_rate=8e-4, final_rate=4e-5
    )
    second = build_examples(shop, memory, codec, embedder, seed=arguments.seed, help_texts=articles)
    log.info("stage two: %d examples", len(second))
    rows_two = tune(model, second, stage_two, checkpoint=work / "shop", validation=validation)
    save(model, codec, work / "tokenizer", arguments.out)
    figures: dict[str, object] = {
        "seed": arguments.seed,
        "parameters": model.num_parameters(),
        "public_conversations": len(public),
        "shop_conversations": len(shop),
        "written_conversations": len(written),
        "held_out_conversations": len(held_out),
        "examples": {"shop": len(second), "held_out": len(validation)},
        "stage_one": rows_one[-1],
        "stage_two": rows_two[-1],
    }
    (work / "figures.json").write_text(json.dumps(figures, indent=2))
    return figures


def save(model: GPT2LMHeadModel, codec: PromptCodec, tokenizer: Path, out: Path) -> None:
    """Write the folder in Hugging Face layout: half-precision safetensors, config, tokeniser."""
    out.mkdir(parents=True, exist_ok=True)
    model.generation_config.eos_token_id = codec.end
    model.generation_config.pad_token_id = codec.end
    # The output matrix is the input one again: stored once.
    state = model.state_dict()
    halved = {name: value.half() for name, value in state.items() if name != "lm_head.weight"}
    model.save_pretrained(out, state_dict=halved)
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt"):
        (out / name).write_bytes((tokenizer / name).read_bytes())


def main(argv: Sequence[str] | None = None) -> None:
    """Command line; progress on stderr, the figures on stdout."""
    parser = argparse.ArgumentParser(prog="python -m training.starter", description=__doc__)
    parser.add_argument(
        "--conversations", type=Path, required=True, help="folder of the public conversation sets"
    )
    parser.add_argument("--shop", type=Path, default=Path("bot/demo"), help="the demo shop's written corpus")
    parser.add_argument("--out", type=Path, default=Path("nlp/starter/reply"))
    parser.add_argument("--work", type=Path, default=Path("build/starter"), help="checkpoints and caches")
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--public-steps", type=int, default=1000)
    parser.add_argument("--shop-steps", type=int, default=3600)
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    print(json.dumps(train(arguments), indent=2))


if __name__ == "__main__":
    main()
