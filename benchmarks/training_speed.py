"""How fast a reply model is tuned: useful tokens a second, beside a plain transformers Trainer.

    python benchmarks/training_speed.py [--data DIR] [--rounds 3] [--quick] [--json]

Both train the same model, once over the same examples, with as many of them in a batch on average: ours by
training.finetune.tune, the peer by transformers' Trainer as it comes (examples in random order, padded to the
longest of a batch, loss where our loss is, bf16 where the processor has it, its own optimiser). Useful are
the tokens of the examples, without padding. They take turns, with a matrix product of the processor's own
library between them: the share of its rate counts only what must be computed, 6 operations a weight and
token, the output matrix only where a token is learned (Kaplan et al., 2020).
"""

from __future__ import annotations

import argparse
import copy
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from harness import say, told, write_result
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainerCallback, TrainingArguments

from nlp.device import cores, has_bf16
from nlp.prompts import PromptCodec
from nlp.quiet import quiet
from nlp.registry import STARTER, Registry
from training import files
from training.bases import load_base
from training.corpus import Dialogue
from training.dataset import examples, moments
from training.finetune import Example, TuneConfig, epoch, padded, tune

SETS = ("en_abcd_retail_chat.jsonl", "en_bitext_request_reply.jsonl.gz")
SEED = 17
SIZE = 2048
"""Rows and columns of the matrices whose product says what the processor can do."""
TWICE, SHARE = 2.0, 0.45
"""What is aimed at: of the plain Trainer's useful tokens, and of the matrix product's rate."""


@dataclass(frozen=True, slots=True)
class Task:
    """A model to tune, the examples, and how many tokens make a batch of ours."""

    name: str
    model: GPT2LMHeadModel
    examples: Sequence[Example]
    tokens: int

    @property
    def useful(self) -> int:
        """Tokens without padding."""
        return sum(len(one.ids) for one in self.examples)

    @property
    def learned(self) -> int:
        """Tokens that the loss looks at."""
        return sum(sum(weight > 0 for weight in one.weights) for one in self.examples)

    @property
    def operations(self) -> float:
        """What once over the examples needs: multiplications and additions, forward and backward."""
        config = self.model.config
        inner = sum(p.numel() for name, p in self.model.transformer.h.named_parameters() if p.dim() > 1)
        attention = sum(12 * config.n_layer * config.n_embd * len(one.ids) ** 2 // 2 for one in self.examples)
        return 6.0 * (inner * self.useful + config.vocab_size * config.n_embd * self.learned) + attention


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="benchmarks/training_speed.py", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of the public sets")
    parser.add_argument("--rounds", type=int, default=3, help="how often they take turns")
    parser.add_argument("--quick", action="store_true", help="few examples, one round, nothing kept")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(argv)
    folder = chosen.data / "conversations"
    if not folder.is_dir():
        say(f"training speed: not measured: no folder of public sets at {chosen.data}; say --data DIR")
        return 0
    quiet()
    torch.set_num_threads(cores())
    rows = [measured(one, 1 if chosen.quick else chosen.rounds) for one in tasks(folder, chosen.quick)]
    if chosen.quick:
        return told({"claim": "training_speed", "rows": rows}, chosen.json)
    return told(write_result("training_speed", rows, verdict(rows)), chosen.json)


def tasks(folder: Path, quick: bool) -> list[Task]:
    """The starter, and a GPT-2 of 124 million random weights."""
    with tempfile.TemporaryDirectory() as work:
        base = load_base(STARTER, Registry(Path(work)))
    made = taken(folder, base.codec, 60 if quick else 480)
    torch.manual_seed(SEED)
    config = GPT2Config(
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, attn_implementation="eager", n_positions=512
    )
    starter = Task("starter", base.model, made, TuneConfig(steps=1).tokens_per_batch)
    return [starter, Task("GPT-2 124M", GPT2LMHeadModel(config), made[: len(made) // 10], 2048)]


def taken(folder: Path, codec: PromptCodec, count: int) -> list[Example]:
    """Examples as a round makes them, but for the neighbours, which are drawn and not found."""
    rng = random.Random(SEED)
    found = []
    for name in SETS:
        for one in files.rows(folder / name, files.conversation_row):
            turns = tuple((turn.role, turn.text) for turn in one.turns)
            found += list(moments([Dialogue(one.id, one.id, turns)]))
    some = rng.sample(found, count)
    near = [[other.reply for other in rng.sample(found, 3)] for _ in some]
    return examples(some, near, [""] * len(some), codec, seed=SEED)


def measured(task: Task, rounds: int) -> dict[str, Any]:
    """Useful tokens a second of both, and the rate of a matrix product, in turns; medians."""
    ours, theirs, rates = [], [], []
    for at in range(rounds):
        rates.append(matmul_rate())
        theirs.append(task.useful / plain_seconds(task))
        ours.append(task.useful / our_seconds(task))
        say(f"{task.name}, turn {at + 1} of {rounds}: ours {ours[-1]:.0f}, plain Trainer {theirs[-1]:.0f}")
    gains = [one / other for one, other in zip(ours, theirs, strict=True)]
    shares = [speed * task.operations / task.useful / rate for speed, rate in zip(ours, rates, strict=True)]
    return {
        "model": task.name,
        "useful tokens a second": round(statistics.median(ours)),
        "plain Trainer": round(statistics.median(theirs)),
        "times": round(statistics.median(gains), 2),
        "matrix product, GFLOP/s": round(statistics.median(rates) / 1e9, 1),
        "share of it": round(statistics.median(shares), 3),
        "examples": len(task.examples),
        "mean length": round(task.useful / len(task.examples)),
        "turns": rounds,
    }


def matmul_rate() -> float:
    """Operations a second of a large matrix product, in the precision that training computes with."""
    kind = torch.bfloat16 if has_bf16("cpu") else torch.float32
    one, other = (torch.randn(SIZE, SIZE).to(kind) for _ in range(2))
    one @ other
    seconds = []
    for _ in range(5):
        began = time.monotonic()
        one @ other
        seconds.append(time.monotonic() - began)
    return 2.0 * SIZE**3 / statistics.median(seconds)


def our_seconds(task: Task) -> float:
    """Once over the examples by our loop, reading and keeping its state included."""
    steps = len(list(epoch(task.examples, task.tokens, random.Random(f"{SEED}-0"))))
    config = replace(
        TuneConfig(steps=steps, seed=SEED, threads=cores(), tokens_per_batch=task.tokens),
        checkpoint_every=steps + 1,
    )
    with tempfile.TemporaryDirectory() as folder:
        model = copy.deepcopy(task.model)
        began = time.monotonic()
        tune(model, task.examples, config, checkpoint=Path(folder))
        return time.monotonic() - began


class Clock(TrainerCallback):
    """When training began and ended, without what the Trainer does before and after."""

    began = ended = 0.0

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self.began = time.monotonic()

    def on_train_end(self, *_: Any, **__: Any) -> None:
        self.ended = time.monotonic()


def plain_seconds(task: Task) -> float:
    """Once over the examples by transformers' Trainer."""
    config, clock = TuneConfig(steps=1), Clock()
    batch = max(1, round(task.tokens / (task.useful / len(task.examples))))
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=batch,
            num_train_epochs=1,
            learning_rate=config.learning_rate,
            max_grad_norm=config.clip,
            weight_decay=config.weight_decay,
            bf16=has_bf16("cpu"),
            use_cpu=True,
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
            seed=SEED,
            remove_unused_columns=False,
        )
        trainer = Trainer(
            model=copy.deepcopy(task.model),
            args=arguments,
            train_dataset=list(task.examples),  # type: ignore[arg-type]
            data_collator=collated,
            callbacks=[clock],
        )
        trainer.train()
    return clock.ended - clock.began


def collated(group: Sequence[Example]) -> dict[str, Tensor]:
    """A batch as transformers wants it: what is not to be learned is labelled -100."""
    ids, weights = padded(group)
    longest = ids.shape[1]
    mask = torch.tensor([[at < len(one.ids) for at in range(longest)] for one in group])
    labels = ids.masked_fill(weights <= 0, -100)
    return {"input_ids": ids, "attention_mask": mask.long(), "labels": labels}


def verdict(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What was aimed at and what came out."""
    out: dict[str, dict[str, Any]] = {}
    for row in rows:
        for name, aim in (("times", TWICE), ("share of it", SHARE)):
            out[f"{row['model']}: {name}"] = {"value": row[name], "aim": aim, "ok": row[name] >= aim}
    return out


if __name__ == "__main__":
    raise SystemExit(main())
