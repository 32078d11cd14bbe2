"""Train the heads that read a message: sentiment, intents, entities.

    python -m training.heads --data DIR --shop bot/demo --out nlp/starter/heads --seed 17

Reads the public sets and the written texts, measures on what it held out, writes a folder that
`nlp.heads.Heads.load` reads, with figures.json. A killed run goes on where it stopped (`--work`).
Knows nothing of conversations or customers.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nlp.backbone import Backbone
from nlp.device import has_bf16
from nlp.encoder import Encoder
from nlp.heads import Head, save_head
from nlp.intents import IntentHead
from nlp.sentiment import MOODS, SentimentHead
from training.card import write_card
from training.lowrank import changes_of
from training.measures import accuracy, calibration_error, fit_temperature, label_f1, macro_f1
from training.reading_sets import Row, intent_rows, sentiment_rows
from training.tagger import train_entities
from training.tagging_sets import tagged_rows
from training.tuning import Batch, Plan, Texts, backbone_of, parts, tune_head
from training.values import Filler

log = logging.getLogger(__name__)

HERE = Path(__file__).parent
WRITTEN, LABELS = HERE / "sentiment_messages.jsonl", HERE / "sentiment_labels.jsonl"
PHRASES, TAGGED = HERE / "detail_phrases.jsonl", HERE / "entity_messages.jsonl"
Figures = dict[str, Any]
SHOP = ("phrasing", "conversation")
"""Sources that are messages to the demo shop."""


def _weighted(
    logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor, smooth: float
) -> torch.Tensor:
    losses = nn.functional.cross_entropy(logits.float(), labels, reduction="none", label_smoothing=smooth)
    return (losses * weights).sum() / weights.sum()


def _all_logits(
    head: SentimentHead | IntentHead, texts: Texts, rows: Sequence[int]
) -> tuple[list[int], torch.Tensor]:
    order: list[int] = []
    found: list[torch.Tensor] = []
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=has_bf16("cpu")):
        for batch in texts.batches(rows, 64):
            order += batch.rows
            found.append(head(batch.ids, batch.mask).float())
    return order, torch.cat(found)


def _by_source(
    rows: Sequence[Row], order: Sequence[int], logits: torch.Tensor, temperature: float, labels: Sequence[str]
) -> Figures:
    """Accuracy, macro F1 and calibration error for each held-out source."""
    probabilities = torch.softmax(logits / temperature, dim=-1).max(dim=-1)
    guesses = [labels[index] for index in probabilities.indices.tolist()]
    scores = probabilities.values.tolist()
    figures: Figures = {}
    for source in sorted({rows[at].source for at in order}):
        inside = [place for place, at in enumerate(order) if rows[at].source == source]
        truth = [rows[order[place]].label for place in inside]
        found = [guesses[place] for place in inside]
        right = [a == b for a, b in zip(truth, found, strict=True)]
        figures[source] = {
            "n": len(inside),
            "accuracy": accuracy(truth, found),
            "macro_f1": macro_f1(truth, found),
            "calibration_error": calibration_error(right, [scores[place] for place in inside]),
            "f1": {name: label_f1(truth, found, name) for name in sorted(set(truth))}
            if len(labels) < 9
            else None,
        }
    return figures


def train_sentiment(
    encoder: Encoder | Backbone,
    rows: Sequence[Row],
    plan: Plan,
    seed: int,
    work: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[SentimentHead, Figures]:
    """Learn the three moods; the temperature is fitted on the held-out rows, customers' messages first."""
    texts = Texts(encoder, [row.text for row in rows])
    learn, held = parts(rows)
    labels = torch.tensor([_mood(row.label) for row in rows])
    weights = torch.tensor([row.weight for row in rows])
    torch.manual_seed(seed)
    head = SentimentHead(backbone_of(encoder))

    def loss(batch: Batch) -> torch.Tensor:
        return _weighted(head(batch.ids, batch.mask), labels[batch.rows], weights[batch.rows], 0.05)

    tune_head(head, texts, learn, loss, plan, seed, work, progress)
    order, logits = _all_logits(head, texts, held)
    head.temperature = fit_temperature(logits, labels[order], weights[order])
    return head, {"temperature": head.temperature, **_by_source(rows, order, logits, head.temperature, MOODS)}


def _mood(label: str) -> int:
    return [str(mood) for mood in MOODS].index(label)


def train_intents(
    encoder: Encoder | Backbone,
    rows: Sequence[Row],
    plan: Plan,
    seed: int,
    work: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[IntentHead, Figures]:
    """Learn the intents; the temperature is fitted on held-out messages to the shop."""
    texts = Texts(encoder, [row.text for row in rows])
    learn, held = parts(rows)
    names = sorted({row.label for row in rows})
    labels = torch.tensor([names.index(row.label) for row in rows])
    weights = torch.tensor([row.weight for row in rows])
    torch.manual_seed(seed)
    head = IntentHead(names, backbone_of(encoder))

    def loss(batch: Batch) -> torch.Tensor:
        return _weighted(head(batch.ids, batch.mask), labels[batch.rows], weights[batch.rows], 0.1)

    tune_head(head, texts, learn, loss, plan, seed, work, progress)
    order, logits = _all_logits(head, texts, held)
    own = torch.tensor([float(rows[at].source in SHOP) for at in order])
    # Where no held-out row is the demo shop's, all of them are the shop's own.
    head.temperature = fit_temperature(logits, labels[order], own if own.any() else torch.ones(len(order)))
    return head, {
        "labels": len(names),
        "temperature": head.temperature,
        **_by_source(rows, order, logits, head.temperature, names),
    }


PLANS = {
    "sentiment": Plan(epochs=3),
    "intents": Plan(epochs=5),
    "entities": Plan(epochs=4, changes_rate=2e-3, head_rate=2e-3),
}


def train(data: Path, shop: Path, out: Path, work: Path, seed: int, name: str, threads: int) -> Figures:
    """Train one head and write it to `out`; returns the figures that stand on the card."""
    shown = json.loads((shop / "shop.json").read_text(encoding="utf-8"))
    encoder = Encoder.load()
    filler = Filler(shown["facts"], shown["products"], seed)
    plan = replace(PLANS[name], threads=threads)
    log.info("%s:", name)
    began = time.monotonic()
    head: Head
    if name == "sentiment":
        rows = sentiment_rows(data, WRITTEN, LABELS, shop, filler, seed)
        head, figures = train_sentiment(encoder, rows, plan, seed, work / name)
        count = len(rows)
    elif name == "intents":
        rows = intent_rows(data, shop, filler, seed)
        head, figures = train_intents(encoder, rows, plan, seed, work / name)
        count = len(rows)
    else:
        tagged = tagged_rows(data, shop, PHRASES, TAGGED, filler, seed)
        head, figures = train_entities(encoder, tagged, plan, seed, work / name)
        count = len(tagged)
    figures |= {"rows": count, "seconds": round(time.monotonic() - began, 1), "seed": seed}
    save_head(out, name, head, changes_of(head.encoder))
    path = out / "figures.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps({**known, name: figures}, indent=1) + "\n", encoding="utf-8")
    return figures


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training.heads", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the public sets")
    parser.add_argument("--shop", type=Path, default=Path("bot/demo"), help="folder of the demo shop")
    parser.add_argument("--out", type=Path, default=Path("nlp/starter/heads"), help="folder to write")
    parser.add_argument("--work", type=Path, default=Path("build/heads"), help="states of unfinished runs")
    parser.add_argument("--only", choices=list(PLANS), action="append", help="train this head alone")
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--threads", type=int, default=2, help="1 where other work shares the machine")
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_flush_denormal(True)
    for name in chosen.only or PLANS:
        train(chosen.data, chosen.shop, chosen.out, chosen.work, chosen.seed, name, chosen.threads)
    figures = json.loads((chosen.out / "figures.json").read_text(encoding="utf-8"))
    if figures.keys() >= PLANS.keys():
        write_card(chosen.out, figures)
    print(json.dumps(figures, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
