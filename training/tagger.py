"""Train the entity tagger on sets that each mark only some of the types.

What a set does not mark may still be there, so an unmarked word is not an error for any type outside
the set's own: the loss sums over what the word may be. Knows the tagger and no file.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import torch

from nlp.encoder import Encoder
from nlp.entities import FEATURES, LABELS, TYPES, EntityHead, word_shapes
from training.fitting import Plan, fit, parts
from training.measures import span_figures
from training.states import Batch, States
from training.tagging_sets import SKIP, Tagged

IGNORE = -100
"""Target of a token that teaches nothing."""
Figures = dict[str, Any]


def tag_targets(states: States, rows: Sequence[Tagged]) -> list[torch.Tensor]:
    """The label of each token; IGNORE for all but the first piece of a word, and for skipped spans."""
    targets: list[torch.Tensor] = []
    for at, row in enumerate(rows):
        offsets, words = states.offsets[at], states.words[at]
        labels = torch.full((len(offsets),), IGNORE)
        for place, (start, end) in enumerate(offsets):
            if words[place] < 0 or (place and words[place - 1] == words[place]):
                continue
            labels[place] = 0
            for first, last, kind in row.spans:
                if start < last and first < end:
                    prefix = "B" if start <= first else "I"
                    labels[place] = IGNORE if kind == SKIP else LABELS.index(f"{prefix}-{kind}")
        targets.append(labels)
    return targets


def _plain_labels(known: frozenset[str]) -> torch.Tensor:
    """(labels,) bool: what an unmarked word may be, if only the types in `known` were marked."""
    return torch.tensor([name == "O" or name[2:] not in known for name in LABELS])


def _casing(shapes: torch.Tensor, lower: bool) -> torch.Tensor:
    """The shapes as if the text were typed in lower case."""
    if not lower:
        return shapes
    plain = shapes.clone()
    plain[:, [0, 1, 6]] = 0.0
    return plain


class TagLoss:
    """Marginal likelihood: an unmarked word is plain, or of a type that its set doesn't mark."""

    def __init__(self, head: EntityHead, states: States, rows: Sequence[Tagged], seed: int) -> None:
        self._head, self._rows = head, rows
        self._targets = tag_targets(states, rows)
        self._shapes = [
            word_shapes([text], [spans], len(spans))[0]
            for text, spans in zip(states.texts, states.offsets, strict=True)
        ]
        self._plain = {row.known: _plain_labels(row.known) for row in rows}
        self._rng = random.Random(seed)

    def shapes(self, rows: Sequence[int], length: int, lower_share: float) -> torch.Tensor:
        """(n, length, FEATURES) of the given rows, some of them as if typed in lower case."""
        shapes = torch.zeros(len(rows), length, FEATURES)
        for place, at in enumerate(rows):
            lower = self._rng.random() < lower_share
            shapes[place, : len(self._shapes[at])] = _casing(self._shapes[at], lower)
        return shapes

    def __call__(self, batch: Batch) -> torch.Tensor:
        length = batch.mask.shape[1]
        logits = self._head(batch.hidden, batch.mask, self.shapes(batch.rows, length, 0.4)).float()
        targets = torch.full((len(batch.rows), length), IGNORE)
        for place, at in enumerate(batch.rows):
            targets[place, : len(self._targets[at])] = self._targets[at]
        scores = torch.log_softmax(logits, dim=-1)
        allowed = torch.stack([self._plain[self._rows[at].known] for at in batch.rows]).unsqueeze(1)
        plain = torch.logsumexp(scores.masked_fill(~allowed, -1e4), dim=-1)
        marked = scores.gather(-1, targets.clamp(min=0).unsqueeze(-1)).squeeze(-1)
        chosen = torch.where(targets == 0, plain, marked)
        weights = torch.tensor([self._rows[at].weight for at in batch.rows]).unsqueeze(1) * (
            targets != IGNORE
        )
        return -(chosen * weights).sum() / weights.sum()


def train_entities(encoder: Encoder, rows: Sequence[Tagged], seed: int) -> tuple[EntityHead, Figures]:
    """Learn the tagger, and measure exact spans on what was held out, of the types each set marks."""
    states = States(encoder, [row.text for row in rows])
    learn, held = parts(rows)
    torch.manual_seed(seed)
    head = EntityHead()
    fit(head, states, learn, TagLoss(head, states, rows, seed), Plan(epochs=3, batch=48, rate=2e-3), seed)
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
    encoder: Encoder, head: EntityHead, texts: Sequence[str]
) -> list[list[tuple[int, int, str, float]]]:
    head.floor = 0.0
    found: list[list[tuple[int, int, str, float]]] = []
    for start in range(0, len(texts), 64):
        for entities in head.predict(encoder.encode(texts[start : start + 64])):
            found.append([(entity.start, entity.end, entity.type, entity.score) for entity in entities])
    return found


def _compared(
    row: Tagged, found: Sequence[tuple[int, int, str, float]], floor: float
) -> tuple[set[tuple[int, int, str]], set[tuple[int, int, str]]]:
    """True and found spans, both without types that the set doesn't mark and without skipped places."""
    skipped = [(start, end) for start, end, kind in row.spans if kind == SKIP]
    gold = {span for span in row.spans if span[2] in row.known & set(TYPES)}
    guess = {
        (start, end, kind)
        for start, end, kind, score in found
        if score >= floor and kind in row.known and not any(start < b and a < end for a, b in skipped)
    }
    return gold, guess
