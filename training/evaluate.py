"""How good readings are on a labelled file: sentiment, entities, intents, with intervals.

Each function takes a file and a loaded reader and returns the figures of `deskhand evaluate --json`, with
what a report draws under "plots". Knows no command line and nothing of replies
(`training.evaluate_replies`).
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from nlp.fewshot import ExampleIntents
from nlp.intents import OUT_OF_SCOPE
from nlp.reading import Reader
from nlp.sentiment import MOODS
from nlp.types import Intent
from training import files, intervals
from training.files import BadFile, LabelledText, TaggedTokens
from training.label_maps import NAME_PARTS, mapped
from training.measures import accuracy, calibration_error, found_of_true, label_f1, macro_f1
from training.tagging_sets import bio_runs, place

Figures = dict[str, Any]
Progress = Callable[[int, int], None]
"""Called with rows done and rows in all."""
T = TypeVar("T")

BATCH = 256
_MOOD_NAMES = {"neg": "negative", "neu": "neutral", "pos": "positive"}
_NO_MOOD = frozenset({"ambiguous", "mixed"})
_FOREIGN = frozenset({"oos", OUT_OF_SCOPE, "out-of-scope", "ood"})
_SEVERAL = "|"


def sentiment(
    path: Path,
    reader: Reader,
    *,
    names: Mapping[str, str],
    limit: int | None,
    seed: int,
    progress: Progress,
) -> Figures:
    """Figures of a sentiment file; `names` maps labels that are not ours, "" leaves one out.

    Raises BadFile.
    """
    left_out: Counter[str] = Counter()

    def parse(raw: files.Raw) -> LabelledText | None:
        row = files.sentiment_row(raw)
        label = _mood(row.label, names)
        if not label:
            left_out[row.label] += 1
        return LabelledText(row.text, label) if label else None

    rows = _filled(files.some((row for row in files.rows(path, parse) if row), limit, seed), path)
    began = time.monotonic()
    read = _in_batches([row.text for row in rows], reader.sentiments, progress)
    seconds = time.monotonic() - began
    truth, guesses = [row.label for row in rows], [str(mood.label) for mood in read]
    scores = [mood.score for mood in read]
    right = [a == b for a, b in zip(truth, guesses, strict=True)]
    order = [str(mood) for mood in MOODS]
    true, found = _numbers(truth, order), _numbers(guesses, order)

    def of(figure: Callable[[NDArray[np.intp]], float]) -> Callable[[intervals.Rows], float]:
        return lambda some: figure(intervals.confusion(true[some], found[some], len(order)))

    table = intervals.confusion(true, found, len(order))
    return {
        "n": len(rows),
        "accuracy": accuracy(truth, guesses),
        "macro_f1": macro_f1(truth, guesses),
        "macro_recall": intervals.macro_recall_of(table),
        "items_per_second": len(rows) / max(seconds, 1e-9),
        "calibration_error": calibration_error(right, scores),
        "interval": {
            "accuracy": intervals.of_mean(np.array(right, dtype=float), seed),
            "macro_f1": intervals.bootstrap(len(rows), of(intervals.macro_f1_of), seed),
            "macro_recall": intervals.bootstrap(len(rows), of(intervals.macro_recall_of), seed),
        },
        "f1": {mood: label_f1(truth, guesses, mood) for mood in order},
        "left_out": dict(left_out),
        "plots": {
            "confusion": {"labels": order, "counts": table.tolist()},
            "reliability": {"right": right, "scores": scores},
            "risk": {"right": right, "scores": scores},
        },
    }


def _mood(label: str, names: Mapping[str, str]) -> str:
    """Our name of a label, "" for one that is left out; raises ValueError for an unknown one."""
    lowered = label.strip().lower()
    known = {**{str(mood): str(mood) for mood in MOODS}, **_MOOD_NAMES, **dict.fromkeys(_NO_MOOD, "")}
    ours = {**known, **{key.lower(): value for key, value in names.items()}}.get(lowered)
    if ours is None:
        raise ValueError(
            f"label {label[:40]!r} is none of {', '.join(MOODS)}; say --map {label[:40]}=negative"
        )
    return ours


def entities(
    path: Path,
    reader: Reader,
    *,
    names: Mapping[str, str],
    limit: int | None,
    seed: int,
    progress: Progress,
) -> Figures:
    """Exact-span figures of a BIO file, micro and by type.

    Labels are mapped to our types (`training.label_maps`, and `names` before it); one without a
    counterpart is left out on both sides: its spans are not wanted, and what is found there is not wrong.
    Types that the file does not have are not looked for. "covered" is the share of true spans that lie wholly
    in what was found, whatever its type: what redaction would hide. Raises BadFile.
    """
    labels = {tag[2:] for row in files.rows(path, files.tagged_row) for tag in row.tags if tag != "O"}
    ours = mapped(labels, names)
    if not ours:
        some = ", ".join(sorted(labels)[:6]) or "none"
        raise BadFile(
            f"{path.name}: no label has a counterpart here (there are: {some}); say --map LABEL=person"
        )
    rows = _filled(files.some(files.rows(path, files.tagged_row), limit, seed), path)
    texts = [place(row.tokens, row.text) for row in rows]
    began = time.monotonic()
    read = _in_batches([text for text, _ in texts], reader.entities, progress)
    seconds = time.monotonic() - began
    wanted = frozenset(ours.values())
    counted = [
        _counts(_gold(row, ours), _spans(places, [(e.start, e.end, e.type) for e in found]), wanted)
        for row, (_, places), found in zip(rows, texts, read, strict=True)
    ]
    kinds = sorted({kind for counts in counted for kind in counts})
    table = np.array([[counts.get(kind, (0, 0, 0, 0)) for kind in kinds] for counts in counted])
    table = table.reshape(len(rows), len(kinds), 4)

    def f1(some: intervals.Rows) -> float:
        return _span_figures(table[some].sum(axis=(0, 1)))["f1"]

    total = _span_figures(table.sum(axis=(0, 1)))
    types = {kind: _span_figures(table[:, at].sum(axis=0)) for at, kind in enumerate(kinds)}
    return {
        "n": len(rows),
        "spans": int(total.pop("n")),
        **total,
        "items_per_second": len(rows) / max(seconds, 1e-9),
        "interval": {"f1": intervals.bootstrap(len(rows), f1, seed)},
        "types": types,
        "map": dict(sorted(ours.items())),
        "left_out": sorted(labels - ours.keys()),
        "plots": {"types": types},
    }


Span = tuple[int, int, str]
"""(first token, last token, type)"""


def _gold(row: TaggedTokens, ours: Mapping[str, str]) -> list[Span]:
    """True spans; the type of one that is left out is "". A first and a last name side by side are one."""
    spans: list[Span] = []
    before = ""
    for label, first, last in bio_runs(row.tags):
        kind = ours.get(label, "")
        whole = {before, label} == NAME_PARTS and spans[-1][1] == first - 1 and spans[-1][2] == kind
        spans.append((spans.pop()[0] if whole else first, last, kind))
        before = label
    return spans


def _spans(places: Sequence[tuple[int, int]], found: Sequence[tuple[int, int, str]]) -> list[Span]:
    """Found spans of characters as spans of the tokens that they touch."""
    out: list[Span] = []
    for start, end, kind in found:
        touched = [at for at, (a, b) in enumerate(places) if a < end and start < b]
        if touched:
            out.append((touched[0], touched[-1], kind))
    return out


def _counts(
    gold: Sequence[Span], found: Sequence[Span], wanted: frozenset[str]
) -> dict[str, tuple[int, int, int, int]]:
    """(hits, true, found, covered) by type; a true type of several ("city|place") is met by any of them."""
    hits: Counter[str] = Counter()
    known = {at for first, last, _ in found for at in range(first, last + 1)}
    covered = Counter(kind for first, last, kind in gold if kind and known >= set(range(first, last + 1)))
    true = Counter(kind for _, _, kind in gold if kind)
    guessed: Counter[str] = Counter()
    exact = {(first, last): kind for first, last, kind in gold}
    for first, last, kind in found:
        if any(not other and first <= b and a <= last for a, b, other in gold):
            continue
        here = exact.get((first, last), "")
        counted = here if kind in here.split(_SEVERAL) else _wanted_as(kind, wanted)
        if counted:
            guessed[counted] += 1
            hits[counted] += counted == here
    return {kind: (hits[kind], true[kind], guessed[kind], covered[kind]) for kind in true | guessed}


def _wanted_as(kind: str, wanted: frozenset[str]) -> str:
    """The wanted type that a found one counts as, "" where the file has none such."""
    if kind in wanted:
        return kind
    return next((several for several in sorted(wanted) if kind in several.split(_SEVERAL)), "")


def _span_figures(counts: NDArray[np.intp]) -> dict[str, float]:
    hits, true, found, covered = (int(count) for count in counts)
    return {**found_of_true(hits, true, found), "covered": covered / max(1, true)}


def intents(
    path: Path,
    reader: Reader,
    *,
    shots: int,
    examples: Path | None,
    limit: int | None,
    seed: int,
    progress: Progress,
) -> Figures:
    """Figures of an intent file.

    Where every label is one of the model's own intents, its own head is measured. Otherwise the intents
    are learned from `shots` examples of each, out of `examples` or drawn from the file by the seed and
    then left out of the test. Labels such as "oos" are never examples: messages of theirs should be
    called out of scope. A label that joins several by "|" is met by any of them. Raises BadFile.
    """
    rows = _filled(list(files.rows(path, files.intent_row)), path)
    names = {name for row in rows for name in _joined(row.label)}
    own = names <= set(reader.heads.intents.labels) and examples is None
    if own:
        chosen = files.some(rows, limit, seed)
        read = _in_batches([row.text for row in chosen], reader.intents, progress)
        return {"protocol": "the model's own intents", **_intent_figures(chosen, read, read, seed)}
    known = _filled(list(files.rows(examples, files.intent_row)), examples) if examples else rows
    learned, rest = _drawn(known, rows, shots, seed, apart=examples is None)
    if len({row.label for row in learned}) < 2:
        raise BadFile(f"{path.name}: at least two intents with two messages each are needed")
    chosen = files.some(rest, limit, seed)
    if not chosen:
        raise BadFile(f"{path.name}: no message is left to test on; ask for fewer --shots than {shots}")
    head = ExampleIntents.fit(
        reader.encoder.embed([row.text for row in learned]), [row.label for row in learned], seed
    )
    vectors = np.stack(
        _in_batches([row.text for row in chosen], lambda t: list(reader.encoder.embed(t)), progress)
    )
    foreign = any(_is_foreign(row.label) for row in chosen)
    anything = head.predict(vectors, anything=True)
    read = head.predict(vectors) if foreign else anything
    return {
        "protocol": f"{shots} examples of each of {len(head.labels)} intents",
        "examples": len(learned),
        **_intent_figures(chosen, read, anything, seed),
    }


def _intent_figures(
    rows: Sequence[LabelledText], read: Sequence[Intent], anything: Sequence[Intent], seed: int
) -> Figures:
    """Figures of readings; `anything` are those that may not be out of scope, for calibration."""
    truth, guesses = [], []
    for row, intent in zip(rows, read, strict=True):
        wanted = _joined(row.label)
        guess = OUT_OF_SCOPE if _is_foreign(intent.name) else intent.name
        truth.append(guess if guess in wanted else sorted(wanted)[0])
        guesses.append(guess)
    right = [a == b for a, b in zip(truth, guesses, strict=True)]
    inside = [at for at, row in enumerate(rows) if not _is_foreign(row.label)]
    outside = [at for at, row in enumerate(rows) if _is_foreign(row.label)]
    sure = [anything[at].name in _joined(rows[at].label) for at in inside]
    labels = sorted({*truth, *guesses})
    true, found = _numbers(truth, labels), _numbers(guesses, labels)

    def f1(some: intervals.Rows) -> float:
        return intervals.macro_f1_of(intervals.confusion(true[some], found[some], len(labels)))

    figures: Figures = {
        "n": len(rows),
        "accuracy": accuracy(truth, guesses),
        "macro_f1": macro_f1(truth, guesses),
        "calibration_error": calibration_error(sure, [anything[at].score for at in inside]),
        "interval": {
            "accuracy": intervals.of_mean(np.array(right, dtype=float), seed),
            "macro_f1": intervals.bootstrap(len(rows), f1, seed),
        },
    }
    if outside:
        figures |= {
            "in_scope_accuracy": float(np.mean([right[at] for at in inside])) if inside else 0.0,
            "out_of_scope_recall": float(np.mean([right[at] for at in outside])),
            "out_of_scope_n": len(outside),
        }
    scores = [anything[at].score for at in inside]
    figures["plots"] = {
        "reliability": {"right": sure, "scores": scores},
        "risk": {"right": sure, "scores": scores},
        "confused": _confused(truth, guesses),
    }
    return figures


def _confused(truth: Sequence[str], guesses: Sequence[str], most: int = 15) -> list[list[Any]]:
    """The pairs that are taken for one another most often: [true, guessed, times]."""
    pairs = Counter((a, b) for a, b in zip(truth, guesses, strict=True) if a != b)
    return [[a, b, times] for (a, b), times in pairs.most_common(most)]


def _drawn(
    known: Sequence[LabelledText], rows: Sequence[LabelledText], shots: int, seed: int, *, apart: bool
) -> tuple[list[LabelledText], list[LabelledText]]:
    """Examples of each single intent, and what is left to test; `apart` takes the ones out of the others.

    An intent keeps one message at least for the test, and a text that is an example is never tested on.
    """
    rng = random.Random(seed)
    by_name: dict[str, list[LabelledText]] = {}
    for row in known:
        if _SEVERAL not in row.label and not _is_foreign(row.label):
            by_name.setdefault(row.label, []).append(row)
    learned: list[LabelledText] = []
    for name in sorted(by_name):
        most = len(by_name[name]) - 1 if apart else len(by_name[name])
        learned += rng.sample(by_name[name], min(shots, max(0, most)))
    texts = {row.text for row in learned}
    names = {row.label for row in learned}
    rest = [
        row
        for row in rows
        if row.text not in texts and (_is_foreign(row.label) or names & set(_joined(row.label)))
    ]
    return learned, rest


def _joined(label: str) -> set[str]:
    return {OUT_OF_SCOPE if _is_foreign(name) else name for name in label.split(_SEVERAL)}


def _is_foreign(label: str) -> bool:
    return label.lower() in _FOREIGN


def _numbers(labels: Sequence[str], order: Sequence[str]) -> NDArray[np.intp]:
    column = {name: at for at, name in enumerate(order)}
    return np.array([column[label] for label in labels], dtype=np.intp)


def _filled(rows: Sequence[T], path: Path) -> list[T]:
    if not rows:
        raise BadFile(f"{path.name}: no row to judge; the file is empty, or all of it was left out")
    return list(rows)


def _in_batches(
    texts: Sequence[str], read: Callable[[Sequence[str]], Sequence[T]], progress: Progress
) -> list[T]:
    """Texts read BATCH at a time, with progress."""
    found: list[T] = []
    for start in range(0, len(texts), BATCH):
        found += read(texts[start : start + BATCH])
        progress(len(found), len(texts))
    return found
