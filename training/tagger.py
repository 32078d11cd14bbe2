"""Train the entity tagger on sets that each mark only some of the types.

What a set does not mark may still be there, so an unmarked word is not an error for any type outside
the set's own: the loss sums over what the word may be. Knows the tagger and no file.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch

from nlp.backbone import Backbone
from nlp.encoder import Encoder
from nlp.entities import FEATURES, LABELS, EntityHead, word_shapes
from training.measures import span_figures
from training.tagging_sets import SKIP, Tagged
from training.tuning import Batch, Plan, Texts, backbone_of, parts, tune_head

LOWERED = 0.35
"""Share of the texts that are read as if typed in lower case: many customers do."""
Figures = dict[str, Any]


def tag_targets(texts: Texts, rows: Sequence[Tagged]) -> list[list[str]]:
    """What each token is: "O", "B-person", "I-city|country", or "" where it teaches nothing.

    It teaches nothing inside a skipped span, or where it is not the first piece of its word.
    """
    targets: list[list[str]] = []
    for at, row in enumerate(rows):
        offsets, words = texts.offsets[at], texts.words[at]
        labels = [""] * len(offsets)
        for place, (start, end) in enumerate(offsets):
            if words[place] < 0 or (place and words[place - 1] == words[place]):
                continue
            labels[place] = "O"
            for first, last, kind in row.spans:
                if start < last and first < end:
                    labels[place] = "" if kind == SKIP else f"{'B' if start <= first else 'I'}-{kind}"
        targets.append(labels)
    return targets


def allowed_labels(target: str, known: frozenset[str]) -> torch.Tensor:
    """(labels,) bool: what a token may be; a plain one also of a type that its set does not mark."""
    if target == "O":
        return torch.tensor([name == "O" or name[2:] not in known for name in LABELS])
    prefix, kinds = target[:2], target[2:].split("|")
    return torch.tensor([name[:2] == prefix and name[2:] in kinds for name in LABELS])


_allowed = cache(allowed_labels)


def _casing(shapes: torch.Tensor, lower: bool) -> torch.Tensor:
    """The shapes as if the text were typed in lower case."""
    if not lower:
        return shapes
    plain = shapes.clone()
    plain[:, [0, 1, 6]] = 0.0
    return plain


class TagLoss:
    """Marginal likelihood of what a token may be: of the labels that its set doesn't tell apart, any."""

    def __init__(self, head: EntityHead, texts: Texts, rows: Sequence[Tagged], seed: int) -> None:
        self._head, self._rows = head, rows
        self._targets = tag_targets(texts, rows)
        self._shapes = [
            word_shapes([text], [spans], len(spans))[0]
            for text, spans in zip(texts.texts, texts.offsets, strict=True)
        ]
        self._seed = seed

    def shapes(self, rows: Sequence[int], length: int) -> torch.Tensor:
        """(n, length, FEATURES) of the given rows, LOWERED of them as if typed in lower case."""
        rng = random.Random(f"{self._seed}-{rows[0]}-{len(rows)}-{rows[-1]}")
        shapes = torch.zeros(len(rows), length, FEATURES)
        for place, at in enumerate(rows):
            shapes[place, : len(self._shapes[at])] = _casing(self._shapes[at], rng.random() < LOWERED)
        return shapes

    def __call__(self, batch: Batch) -> torch.Tensor:
        length = batch.mask.shape[1]
        logits = self._head(batch.ids, batch.mask, self.shapes(batch.rows, length)).float()
        scores = torch.log_softmax(logits, dim=-1)
        allowed = torch.zeros(len(batch.rows), length, len(LABELS), dtype=torch.bool)
        weights = torch.zeros(len(batch.rows), length)
        for place, at in enumerate(batch.rows):
            row = self._rows[at]
            for token, target in enumerate(self._targets[at]):
                if target:
                    allowed[place, token] = _allowed(target, row.known)
                    weights[place, token] = row.weight
        chosen = torch.logsumexp(scores.masked_fill(~allowed, -1e4), dim=-1)
        return -(chosen * weights).sum() / weights.sum()


def train_entities(
    encoder: Encoder | Backbone,
    rows: Sequence[Tagged],
    plan: Plan,
    seed: int,
    work: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[EntityHead, Figures]:
    """Learn the tagger, and measure exact spans on what was held out, of the types each set marks."""
    texts = Texts(encoder, [row.text for row in rows])
    learn, held = parts(rows)
    torch.manual_seed(seed)
    head = EntityHead(backbone_of(encoder))
    tune_head(head, texts, learn, TagLoss(head, texts, rows, seed), plan, seed, work, progress)
    figures: Figures = {}
    found = _found(encoder, head, [rows[at].text for at in held])
    for name, floor in (("0.5", 0.5), ("0.6", 0.6), ("0.7", 0.7)):
        pairs = [_compared(rows[at], spans, floor) for at, spans in zip(held, found, strict=True)]
        figures[f"floor_{name}"] = span_figures(pairs)
    head.floor = 0.6
    pairs_of = {row.source: [] for row in (rows[at] for at in held)}  # type: dict[str, list[Any]]
    for at, spans in zip(held, found, strict=True):
        pairs_of[rows[at].source].append(_compared(rows[at], spans, head.floor))
    figures["sources"] = {
        source: span_figures(pairs)["all"] for source, pairs in sorted(pairs_of.items()) if pairs
    }
    return head, figures


def _found(
    encoder: Encoder | Backbone, head: EntityHead, texts: Sequence[str]
) -> list[list[tuple[int, int, str, float]]]:
    head.floor = 0.0
    found: list[list[tuple[int, int, str, float]]] = []
    for start in range(0, len(texts), 64):
        for entities in head.predict(encoder.tokens(texts[start : start + 64])):
            found.append([(entity.start, entity.end, entity.type, entity.score) for entity in entities])
    return found


def _compared(
    row: Tagged, found: Sequence[tuple[int, int, str, float]], floor: float
) -> tuple[set[tuple[int, int, str]], set[tuple[int, int, str]]]:
    """True and found spans, both without types that the set doesn't mark and without skipped places."""
    skipped = [(start, end) for start, end, kind in row.spans if kind == SKIP]
    gold = {span for span in row.spans if set(span[2].split("|")) <= row.known}
    unclear = {(start, end): kind for start, end, kind in gold if "|" in kind}
    guess = {
        (start, end, wide if kind in (wide := unclear.get((start, end), "")).split("|") else kind)
        for start, end, kind, score in found
        if score >= floor and kind in row.known and not any(start < b and a < end for a, b in skipped)
    }
    return gold, guess
