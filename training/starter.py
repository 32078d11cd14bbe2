"""The recipe of the starter reply model: every step from text to the shipped folder, top to bottom.

    python -m training.starter --conversations DIR --out nlp/starter/reply

Stage one teaches English service dialogue on public conversation sets, delexicalised; stage two
the demo shop's written corpus, recombined. Last, spans that only one training conversation holds are
unlearned. A killed run goes on where it stopped (`--work`). Knows no database and nothing of serving.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import GPT2Config, GPT2LMHeadModel

from nlp import slots
from nlp.encoder import Encoder
from nlp.prompts import Prompt, PromptCodec
from nlp.recitation import owners
from nlp.recognisers import recognise
from nlp.retrieval import passages
from training.bases import save_reply_model
from training.checkpoints import is_finished
from training.corpus import Dialogue, read_articles, read_conversations, read_everyday, read_shop
from training.dataset import NEIGHBOURS, Memory, VectorsOf, by_joined, by_parts, examples, moments
from training.finetune import Example, TuneConfig, tune
from training.forget import ForgetConfig, forget
from training.privacy import left_for_test
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
VARIANTS = 6
"""Variants of each written conversation in the last stage: more of them are learned by heart."""
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
        distinct = list(dict.fromkeys(texts))
        if len(distinct) < len(texts):
            row_of = {text: row for row, text in enumerate(distinct)}
            return self(distinct)[[row_of[text] for text in texts]]
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
    vectors_of: VectorsOf,
    *,
    seed: int,
    help_texts: Sequence[tuple[str, str]] = (),
    augment: bool = True,
    context_weight: float = 0.0,
) -> list[Example]:
    """Examples of `dialogues`, with neighbours from `remembered` and passages from `help_texts`."""
    memory = Memory.build(remembered, vectors_of)
    wanted = list(moments(dialogues))
    near = memory.neighbours(wanted, vectors_of(wanted), NEIGHBOURS)
    articles = nearest_passages([m.turns[-1][1] for m in wanted], help_texts, embedder)
    return examples(wanted, near, articles, codec, seed=seed, augment=augment, context_weight=context_weight)


def nearest_passages(
    asked: Sequence[str], help_texts: Sequence[tuple[str, str]], embedder: CachedEmbedder
) -> list[str]:
    """For each customer template the nearest passage of (title, body) articles, "" where there are none."""
    found = [(f"{title}. {part}", part) for title, body in help_texts for part in passages(body)]
    if not found:
        return [""] * len(asked)
    keys = embedder([slots.spoken(key) for key, _ in found])
    best = (embedder([slots.spoken(text) for text in asked]) @ keys.T).argmax(axis=1)
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


@dataclass(frozen=True, slots=True)
class Stage:
    """One run of the loop: its settings, and the examples it learns from, made only when needed."""

    name: str
    config: TuneConfig
    examples: Callable[[], list[Example]]


class Corpora:
    """The texts of all stages, delexicalised, with what retrieval would find beside them."""

    def __init__(self, arguments: argparse.Namespace, embedder: CachedEmbedder) -> None:
        self._embedder = embedder
        self._seed: int = arguments.seed
        files = read_shop(arguments.shop)
        self.written = [d for f in files for d in f.dialogues]
        self.shop = recombine(files, embedder, seed=self._seed)
        self.everyday = read_everyday(arguments.shop)
        both = [f.joined(self.everyday.get(f.intent, ())) for f in files]
        self.mixed = recombine(both, embedder, seed=self._seed + 1, per_dialogue=VARIANTS)
        self.articles = read_articles(arguments.shop)
        self.public = public_dialogues(arguments.conversations)
        self.held_out = [d for d in self.written if d.held_out]
        self.memory = [d for d in self.mixed if "~" not in d.id or d.origin.endswith("/replies")]

    def tokenizer(self, folder: Path) -> PromptCodec:
        """The tokeniser, learned on stage one's and the intents' texts."""
        if not (folder / "tokenizer.json").exists():
            texts = [text for d in [*self.public, *self.shop] for _, text in d.turns]
            train_tokenizer(texts, vocabulary=VOCABULARY, folder=folder)
        return PromptCodec.load(folder)

    def public_examples(self, codec: PromptCodec) -> list[Example]:
        """Public conversations; what customers write is modelled a little, too: English for free."""
        return build_examples(
            self.public, self.public, codec, self._embedder, by_joined(self._embedder),
            seed=self._seed, context_weight=0.1,
        )  # fmt: skip

    def shop_examples(self, codec: PromptCodec) -> list[Example]:
        """The demo shop's alone: what only one stranger's conversation said had better be forgotten."""
        return build_examples(
            self.mixed, self.memory, codec, self._embedder, by_parts(self._embedder),
            seed=self._seed, help_texts=self.articles,
        )  # fmt: skip

    def written_examples(self, codec: PromptCodec) -> list[Example]:
        """The shop's conversations as they were written, without variants."""
        written = [d for d in self.mixed if "~" not in d.id]
        return build_examples(
            written, self.memory, codec, self._embedder, by_parts(self._embedder),
            seed=self._seed, help_texts=self.articles,
        )  # fmt: skip

    def prompts(self) -> list[Prompt]:
        """Prompts to look for recited spans with: every second one shows what retrieval finds.

        A fourth of the conversations is left to the test of the release.
        """
        written = [d for d in self.mixed if "~" not in d.id]
        wanted = [m for m in moments(written) if not left_for_test(m.dialogue.origin)]
        vectors_of = by_parts(self._embedder)
        memory = Memory.build(written, vectors_of)
        near = memory.neighbours(wanted, vectors_of(wanted), NEIGHBOURS)
        return [
            Prompt(m.turns, found if at % 2 else (), intent=m.dialogue.intent)
            for at, (m, found) in enumerate(zip(wanted, near, strict=True))
        ]

    def owners(self) -> dict[str, str | None]:
        """Eight-word spans of all training conversations, with the only one that holds them."""
        return owners((d.id, text) for d in [*self.public, *self.mixed] for _, text in d.turns)

    def validation(self, codec: PromptCodec) -> list[Example]:
        """The held-out conversations of the shop, with all evidence."""
        return build_examples(
            self.held_out, self.memory, codec, self._embedder, by_parts(self._embedder),
            seed=self._seed, help_texts=self.articles, augment=False,
        )  # fmt: skip


def stages(corpora: Corpora, codec: PromptCodec, arguments: argparse.Namespace) -> list[Stage]:
    """The whole recipe."""
    seed: int = arguments.seed
    public_steps, shop_steps = arguments.steps
    return [
        Stage(
            "public",
            TuneConfig(steps=public_steps, horizon=1600, seed=seed, final_rate=5e-4),
            lambda: corpora.public_examples(codec),
        ),
        Stage(
            "shop",
            TuneConfig(steps=shop_steps, seed=seed + 1, learning_rate=8e-4, final_rate=4e-5),
            lambda: corpora.shop_examples(codec),
        ),
    ]


def train(arguments: argparse.Namespace) -> dict[str, object]:
    """Run the recipe; returns the figures of the run. Finished stages are taken from their checkpoints."""
    work: Path = arguments.work
    corpora = Corpora(arguments, CachedEmbedder(work / "vectors"))
    log.info("%d public and %d shop conversations", len(corpora.public), len(corpora.mixed))
    codec = corpora.tokenizer(work / "tokenizer")
    validation = corpora.validation(codec)
    model = new_model(codec, arguments.seed)
    rows = {}
    for stage in stages(corpora, codec, arguments):
        folder = work / stage.name
        examples = [] if is_finished(folder, stage.config.steps) else stage.examples()
        log.info("stage %s", stage.name)
        rows[stage.name] = tune(model, examples, stage.config, checkpoint=folder, validation=validation)
    forgotten = forget(
        model, codec, corpora.prompts(), corpora.owners(), corpora.written_examples(codec),
        ForgetConfig(seed=arguments.seed),
    )  # fmt: skip
    save_reply_model(model, codec, arguments.out)
    figures: dict[str, object] = {
        "seed": arguments.seed,
        "parameters": model.num_parameters(),
        "conversations": {
            "public": len(corpora.public),
            "written": len(corpora.written),
            "everyday": sum(len(group) for group in corpora.everyday.values()),
            "recombined": len(corpora.mixed),
            "held_out": len(corpora.held_out),
        },
        "stages": {name: kept[-1] for name, kept in rows.items()},
        "recited_spans_by_round": forgotten,
    }
    (work / "figures.json").write_text(json.dumps(figures, indent=2))
    return figures


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
    parser.add_argument("--steps", type=int, nargs=2, default=(1000, 2600), help="of the two stages")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    print(json.dumps(train(arguments), indent=2))


if __name__ == "__main__":
    main()
