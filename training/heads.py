"""Train the heads that read a message: sentiment, intents, entities. The encoder stays frozen.

    python -m training.heads --data DIR --shop bot/demo --out nlp/starter/heads --seed 17

Reads the public sets and the written texts, measures on what it held out, writes a folder that
`nlp.heads.Heads.load` reads, with figures.json. Knows nothing of conversations or customers.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nlp.encoder import Encoder
from nlp.heads import Heads
from nlp.intents import IntentHead
from nlp.sentiment import MOODS, SentimentHead
from training.card import write_card
from training.fitting import Plan, fit, parts, say
from training.measures import accuracy, calibration_error, fit_temperature, label_f1, macro_f1
from training.reading_sets import Row, intent_rows, sentiment_rows
from training.states import Batch, States
from training.tagger import train_entities
from training.tagging_sets import tagged_rows
from training.values import Filler

IGNORE = -100
WRITTEN = Path(__file__).with_name("sentiment_messages.jsonl")
PHRASES = Path(__file__).with_name("detail_phrases.jsonl")
Figures = dict[str, Any]


def _weighted(
    logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor, smooth: float
) -> torch.Tensor:
    losses = nn.functional.cross_entropy(logits.float(), labels, reduction="none", label_smoothing=smooth)
    return (losses * weights).sum() / weights.sum()


def _all_logits(
    states: States, rows: Sequence[int], forward: Callable[[Batch], torch.Tensor]
) -> tuple[list[int], torch.Tensor]:
    order: list[int] = []
    parts: list[torch.Tensor] = []
    with torch.inference_mode():
        for batch in states.batches(rows, 64):
            order += batch.rows
            parts.append(forward(batch).float())
    return order, torch.cat(parts)


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


def train_sentiment(encoder: Encoder, rows: Sequence[Row], seed: int) -> tuple[SentimentHead, Figures]:
    """Learn the three moods; the temperature is fitted on the held-out rows, customers' messages first."""
    states = States(encoder, [row.text for row in rows])
    learn, held = parts(rows)
    labels = torch.tensor([_mood(row.label) for row in rows])
    weights = torch.tensor([row.weight for row in rows])
    torch.manual_seed(seed)
    head = SentimentHead()

    def loss(batch: Batch) -> torch.Tensor:
        return _weighted(head(batch.hidden, batch.mask), labels[batch.rows], weights[batch.rows], 0.05)

    fit(head, states, learn, loss, Plan(epochs=4, batch=64, rate=1e-3), seed)
    order, logits = _all_logits(states, held, lambda batch: head(batch.hidden, batch.mask))
    head.temperature = fit_temperature(logits, labels[order], weights[order])
    return head, {"temperature": head.temperature, **_by_source(rows, order, logits, head.temperature, MOODS)}


def _mood(label: str) -> int:
    return [str(mood) for mood in MOODS].index(label)


def train_intents(encoder: Encoder, rows: Sequence[Row], seed: int) -> tuple[IntentHead, Figures]:
    """Learn the intents twice: without the held-out rows to measure, then with some of them to ship.

    Held-out phrasings are learned from the second time; held-out conversations never are.
    """
    states = States(encoder, [row.text for row in rows])
    learn, held = parts(rows)
    names = sorted({row.label for row in rows})
    labels = torch.tensor([names.index(row.label) for row in rows])
    weights = torch.tensor([row.weight for row in rows])

    def trained(chosen: Sequence[int]) -> IntentHead:
        torch.manual_seed(seed)
        head = IntentHead(names)

        def loss(batch: Batch) -> torch.Tensor:
            logits = head(batch.hidden, batch.mask, batch.embedding)
            return _weighted(logits, labels[batch.rows], weights[batch.rows], 0.1)

        fit(head, states, chosen, loss, Plan(epochs=6, batch=48, rate=1e-3), seed)
        return head

    first = trained(learn)
    order, logits = _all_logits(states, held, lambda b: first(b.hidden, b.mask, b.embedding))
    own = torch.tensor([float(rows[at].source in ("phrasing", "conversation")) for at in order])
    temperature = fit_temperature(logits, labels[order], own)
    figures = {
        "labels": len(names),
        "temperature": temperature,
        **_by_source(rows, order, logits, temperature, names),
    }
    head = trained([at for at, row in enumerate(rows) if not row.held_out or row.source == "phrasing"])
    head.temperature = temperature
    return head, figures


def _timed(name: str, work: Callable[[], tuple[Any, Figures]]) -> tuple[Any, Figures]:
    say(f"{name}:")
    began = time.monotonic()
    head, figures = work()
    return head, {**figures, "seconds": round(time.monotonic() - began, 1)}


def train(data: Path, shop: Path, out: Path, seed: int, threads: int = 2) -> Figures:
    """Train all three heads and write them to `out`; returns the figures that stand on the card."""
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    shown = json.loads((shop / "shop.json").read_text(encoding="utf-8"))
    encoder = Encoder.load()

    def filler() -> Filler:
        return Filler(shown["facts"], shown["products"], seed)

    feelings = sentiment_rows(data, WRITTEN, shop, filler(), seed)
    wishes = intent_rows(data, shop, filler(), seed)
    names = tagged_rows(data, shop, PHRASES, filler(), seed)
    sentiment, of_sentiment = _timed("sentiment", lambda: train_sentiment(encoder, feelings, seed))
    intents, of_intents = _timed("intents", lambda: train_intents(encoder, wishes, seed))
    entities, of_entities = _timed("entities", lambda: train_entities(encoder, names, seed))
    Heads(sentiment, intents, entities).save(out)
    figures: Figures = {
        "seed": seed,
        "sentiment": of_sentiment,
        "intents": of_intents,
        "entities": of_entities,
    }
    figures["rows"] = {"sentiment": len(feelings), "intents": len(wishes), "entities": len(names)}
    (out / "figures.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    write_card(out, figures)
    return figures


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training.heads", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the public sets")
    parser.add_argument("--shop", type=Path, default=Path("bot/demo"), help="folder of the demo shop")
    parser.add_argument("--out", type=Path, default=Path("nlp/starter/heads"), help="folder to write")
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--threads", type=int, default=2, help="1 where other work shares the machine")
    chosen = parser.parse_args(arguments)
    figures = train(chosen.data, chosen.shop, chosen.out, chosen.seed, chosen.threads)
    print(json.dumps(figures, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
