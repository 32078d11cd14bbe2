"""A reading head taught on a shop's own labelled texts, over the encoder that reads them best.

A copy of a version with this head in the place of its own; what the texts held out say of it stands
beside what they say of the head before. Knows labelled files and versions; knows no conversation.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from nlp.device import cores, frugal
from nlp.encoder import Encoder
from nlp.entities import TYPES
from nlp.heads import Head, Heads, save_head
from nlp.quiet import quiet
from nlp.reading import Reader
from nlp.registry import Registry, Version
from nlp.sentiment import MOODS
from training import files
from training.card import write_own_head_card
from training.encoders import Labelled, load_candidate, split
from training.files import BadFile
from training.heads import PLANS, train_intents, train_sentiment
from training.lowrank import changes_of
from training.measures import accuracy, macro_f1, rounded, span_figures
from training.progress import Progress
from training.reading_sets import Row
from training.tagger import train_entities
from training.tagging_sets import Tagged, bio_runs
from training.tuning import Plan

OWN = "own file"
"""Where the rows are from, in a head's figures."""
FEWEST_STEPS = 150
"""Of a small file, whose few passes would teach nothing."""


@dataclass(frozen=True, slots=True)
class HeadOrder:
    """Which head is taught, on what, over which encoder."""

    data: Path
    task: str
    encoder: str
    seed: int = 17
    limit: int | None = None

    @property
    def name(self) -> str:
        """The same for the same order: where a stopped training is found again."""
        told = [files.sha256(self.data), self.task, self.encoder, self.seed, self.limit]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:12]


def publish_head(
    order: HeadOrder, registry: Registry, work: Path, progress: Progress
) -> tuple[Version, dict[str, Any]]:
    """Teach a head, and publish the version that serves now with it; returns both.

    Raises BadFile for labels that the head can't have, and NlpError subclasses.
    """
    frugal()
    quiet()
    learned, held = split(order.data, order.task, order.limit, order.seed)
    check_labels(order, [*learned, *held])
    parent, folder, began = registry.current(), work / order.name, time.monotonic()
    usual = PLANS[order.task]
    epochs = max(usual.epochs, FEWEST_STEPS * usual.batch / len(learned))
    plan = replace(usual, epochs=epochs, threads=cores())
    head = taught(order, learned, held, plan, folder / "state", partial(progress, f"teaching {order.task}"))
    made = folder / "version"
    shutil.rmtree(made, ignore_errors=True)
    shutil.copytree(parent.folder, made, ignore=shutil.ignore_patterns("manifest.json"))
    before = measured(order.task, Heads.load(parent.heads), held)
    save_head(made / "heads", order.task, head, changes_of(head.encoder))
    about: dict[str, Any] = {
        "task": order.task,
        "encoder": head.encoder.backbone.name if head.encoder.backbone else order.encoder,
        "data": {"file": order.data.name, "sha256": files.sha256(order.data)},
        "seed": order.seed,
        "rows": len(learned),
        "held_out": len(held),
        "seconds": round(time.monotonic() - began, 1),
        "figures": rounded(measured(order.task, Heads.load(made / "heads"), held)),
        "before": rounded(before),
    }
    write_own_head_card(made / "heads", about)
    facts = {**parent.facts, "parent": parent.name, "head": about}
    version = registry.publish(registry.fresh_name(), made, facts)
    shutil.rmtree(folder)
    return version, about


def check_labels(order: HeadOrder, rows: Sequence[Labelled]) -> None:
    """Moods and entity types are fixed, since everything else reads them; intents are the shop's own."""
    found = {label for row in rows for label in row.labels}
    if order.task == "entities":
        found = {label[2:] for label in found if label != "O"}
    allowed = {"sentiment": set(map(str, MOODS)), "entities": set(TYPES), "intents": found}[order.task]
    if foreign := sorted(found - allowed):
        raise BadFile(
            f"{order.data.name}: no head can have the label {foreign[0]!r}; "
            f"rename it to one of {', '.join(sorted(allowed))}"
        )


def taught(
    order: HeadOrder,
    learned: Sequence[Labelled],
    held: Sequence[Labelled],
    plan: Plan,
    state: Path,
    progress: Callable[[int, int], None],
) -> Head:
    """The trained head."""
    source = load_candidate(order.encoder).source
    if order.task == "entities":
        known = frozenset(kind for row in learned for kind, _, _ in bio_runs(row.labels))
        tagged = [
            _tagged(row, known, aside) for rows, aside in ((learned, False), (held, True)) for row in rows
        ]
        return train_entities(source, tagged, plan, order.seed, state, progress)[0]
    rows = [
        Row(row.text, row.labels[0], OWN, held_out=aside)
        for some, aside in ((learned, False), (held, True))
        for row in some
    ]
    train = train_sentiment if order.task == "sentiment" else train_intents
    return train(source, rows, plan, order.seed, state, progress)[0]


def measured(task: str, heads: Heads, held: Sequence[Labelled]) -> dict[str, float]:
    """What a version's head makes of the held-out texts; nothing where its labels are others."""
    reader = Reader(Encoder.load(), heads)
    texts = [row.text for row in held]
    if task == "entities":
        known = {kind for row in held for kind, _, _ in bio_runs(row.labels)}
        found = [
            {(e.start, e.end, e.type) for e in some if e.type in known} for some in reader.entities(texts)
        ]
        true = [set(_tagged(row, frozenset(known), True).spans) for row in held]
        return span_figures(zip(true, found, strict=True))["all"]
    truth = [row.labels[0] for row in held]
    if task == "sentiment":
        guesses = [str(one.label) for one in reader.sentiments(texts)]
    else:
        if not set(truth) <= set(heads.intents.labels):
            return {}
        guesses = [one.name for one in reader.intents(texts)]
    return {"n": len(held), "accuracy": accuracy(truth, guesses), "macro_f1": macro_f1(truth, guesses)}


def _tagged(row: Labelled, known: frozenset[str], aside: bool) -> Tagged:
    places = row.places or ()
    spans = tuple((places[first][0], places[last][1], kind) for kind, first, last in bio_runs(row.labels))
    return Tagged(row.text, spans, known, OWN, held_out=aside)
