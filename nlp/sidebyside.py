"""Two versions side by side: what each would have drafted at moments whose true reply is known.

A process of its own, so that nothing of it stays and those who are served notice little: lowest priority, one
thread, one draft at a time, one version in memory at a time. Orders come as one JSON object on stdin, results
leave as JSON lines on stdout; who closes that end ends it. Each version drafts with its whole ordinary
pipeline, over what the serving one remembers less the conversations that are asked about. Knows pipelines and
folders; knows no database.

    python -m nlp.sidebyside < orders.json
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nlp import slots
from nlp.device import give_back
from nlp.errors import NlpError
from nlp.manner import LENGTHS, TONES, Manner
from nlp.memory import Knowledge, load_without, templates_of
from nlp.pipeline import Pipeline
from nlp.reading import Reader
from nlp.recognisers import Catalogue
from nlp.registry import Version
from nlp.retrieval import Vectors
from nlp.types import Draft, Role, Turn
from nlp.values import request_at

LEAST_PRIORITY = 19
Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Moment:
    """The turns up to a customer's message, what an agent answered, and values known from elsewhere."""

    turns: tuple[Turn, ...]
    reply: str
    values: Mapping[str, str]

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Moment:
        """A moment of the orders."""
        turns = tuple(Turn(_role(role), text) for role, text in told["turns"])
        return cls(turns, str(told["reply"]), dict(told["values"]))


def compared(orders: Mapping[str, Any]) -> Iterator[Line]:
    """First all drafts of one version, then all of the other; raises NlpError.

    Lines are {"loading": number of the version} and {"version", "moment", "drafts"}, each draft with its
    nearness to the true reply.
    """
    moments = [Moment.of(told) for told in orders["moments"]]
    facts, products = dict(orders["facts"]), list(orders["products"])
    cache = Path(orders["index"])
    index = load_without(cache, frozenset(orders["without"]))
    truths: Vectors | None = None
    for number, told in enumerate(orders["versions"]):
        yield {"loading": number}
        brain = Pipeline.load(
            Version(told["name"], Path(told["folder"]), {}),
            Knowledge(facts, products),
            cache=cache,
            device=orders["device"],
            manner=_manner(orders["manner"]),
            shop=Path(told["shop"]) if told["shop"] else None,
            index=index,
        )
        if truths is None:  # by one reader for both, as the trial does it
            truths = _truths(moments, brain.reader, facts, products)
        for at, moment in enumerate(moments):
            drafts = _drafts(brain, moment, facts)
            yield {"version": number, "moment": at, "drafts": _told(drafts, truths[at], brain.reader)}
        del brain  # before the next one is loaded
        give_back()


def _drafts(brain: Pipeline, moment: Moment, facts: Mapping[str, str]) -> list[Draft]:
    said = list(dict.fromkeys(turn.text for turn in moment.turns if turn.role == "customer"))
    request = request_at(moment.turns, dict(zip(said, brain.understand(said), strict=True)), facts)
    return brain.suggest([replace(request, values={**request.values, **moment.values})])[0]


def _truths(
    moments: Sequence[Moment], reader: Reader, facts: Mapping[str, str], products: Sequence[str]
) -> Vectors:
    """The true replies as vectors, delexicalised as remembered ones are."""
    whole = [[*one.turns, Turn("agent", one.reply)] for one in moments]
    templates = templates_of(whole, reader, facts, Catalogue(products))
    return reader.encoder.embed([slots.spoken(turns[-1][1]) for turns in templates])


def _told(drafts: Sequence[Draft], truth: Vectors, reader: Reader) -> list[Line]:
    if not drafts:
        return []
    near = np.clip(reader.encoder.embed([slots.spoken(one.template) for one in drafts]) @ truth, 0.0, 1.0)
    return [
        {
            "text": one.text,
            "source": one.source,
            "score": round(one.score, 4),
            "unfilled": list(one.unfilled),
            "similarity": round(float(how), 4),
        }
        for one, how in zip(drafts, near, strict=True)
    ]


def _role(name: str) -> Role:
    return "customer" if name == "customer" else "agent"


def _manner(told: Mapping[str, Any]) -> Manner:
    length = next(one for one in LENGTHS if one == told["length"])
    tone = next(one for one in TONES if one == told["tone"])
    return Manner(length, tone, bool(told["apologise"]))


def main() -> int:
    """Orders in, lines out; exit 1 with a last line {"failed": why} where a version can't be used."""
    os.nice(LEAST_PRIORITY)
    torch.set_num_threads(1)
    orders = json.load(sys.stdin)
    try:
        for line in compared(orders):
            _say(line)
    except NlpError as error:
        _say({"failed": str(error)})
        return 1
    return 0


def _say(line: Line) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
