"""Figures that say how good a reading is: accuracy, F1, calibration. Pure; knows no model and no file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch

Span = tuple[int, int, str]
"""(start, end, type)"""


def accuracy(truth: Sequence[str], guesses: Sequence[str]) -> float:
    """Share of equal labels; 0 for no labels."""
    return sum(a == b for a, b in zip(truth, guesses, strict=True)) / max(1, len(truth))


def macro_f1(truth: Sequence[str], guesses: Sequence[str]) -> float:
    """Mean of the F1 of each label that occurs in the truth."""
    labels = sorted(set(truth))
    return sum(label_f1(truth, guesses, label) for label in labels) / max(1, len(labels))


def label_f1(truth: Sequence[str], guesses: Sequence[str], label: str) -> float:
    """F1 of one label."""
    hits = sum(a == b == label for a, b in zip(truth, guesses, strict=True))
    return 2 * hits / max(1, truth.count(label) + guesses.count(label))


def calibration_error(right: Sequence[bool], scores: Sequence[float], bins: int = 10) -> float:
    """Expected calibration error over equally wide bins of the top score, 0..1."""
    total = 0.0
    for step in range(bins):
        inside = [at for at, score in enumerate(scores) if step / bins < score <= (step + 1) / bins]
        if inside:
            hit = sum(right[at] for at in inside) / len(inside)
            mean = sum(scores[at] for at in inside) / len(inside)
            total += abs(hit - mean) * len(inside)
    return total / max(1, len(scores))


def fit_temperature(logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor | None = None) -> float:
    """The temperature with the least (weighted) cross-entropy on held-out logits, by a fine search."""
    best, lowest = 1.0, float("inf")
    for step in range(60):
        temperature = 0.4 * 1.04**step
        losses = torch.nn.functional.cross_entropy(logits / temperature, labels, reduction="none")
        loss = float((losses * weights).sum() / weights.sum() if weights is not None else losses.mean())
        if loss < lowest:
            best, lowest = temperature, loss
    return best


def span_figures(pairs: Iterable[tuple[set[Span], set[Span]]]) -> dict[str, dict[str, float]]:
    """Precision, recall and F1 of exact spans for (true, found) pairs: for each type, and "all" (micro)."""
    hits: Counter[str] = Counter()
    true: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for gold, guess in pairs:
        for counter, spans in ((hits, gold & guess), (true, gold), (found, guess)):
            for span in spans:
                counter[span[2]] += 1
                counter["all"] += 1
    return {kind: found_of_true(hits[kind], true[kind], found[kind]) for kind in sorted(true | found)}


def found_of_true(hits: int, true: int, found: int) -> dict[str, float]:
    """n (how many are true), precision, recall and F1 of counts."""
    return {
        "n": true,
        "precision": hits / max(1, found),
        "recall": hits / max(1, true),
        "f1": 2 * hits / max(1, true + found),
    }


def rounded(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Figures to four places, for people to read."""
    return {
        name: rounded(value)
        if isinstance(value, Mapping)
        else [round(one, 4) for one in value]
        if isinstance(value, tuple)
        else round(value, 4)
        for name, value in figures.items()
    }
