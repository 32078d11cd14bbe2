"""Which encoder reads best: candidates under the same linear head, judged on validation data.

A candidate is the shipped MiniLM, or any model that transformers' AutoModel reads (BERT, XLNet, a
multilingual MiniLM, a GPT-2 ...), frozen; texts are read by the mean of its states, entities by the state
of each word. Validation texts are told by their hash, so every candidate sees the same ones. Knows
labelled texts; knows no shop and no command line.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from nlp.backbone import Backbone
from nlp.batches import BUCKET, Tokens, mean_of
from nlp.encoder import Encoder
from nlp.quiet import quiet
from nlp.tuned import TunedEncoder
from training import files, intervals
from training.files import BadFile
from training.hub import model_folder
from training.progress import Progress
from training.tagging_sets import bio_runs, place

SHIPPED, SHIPPED_PARAMETERS = "minilm", 22_565_376
HELD_OUT = 0.25
STRENGTHS = (0.003, 0.03, 0.3)
"""Inverse regularisations tried for each candidate, on a part of what it learns from."""
MEASURES = {"sentiment": "macro_f1", "intents": "macro_f1", "entities": "f1"}
"""What decides: of entities, the F1 of exact spans."""
_WINDOW = 256

Vectors = NDArray[np.float32]
Span = tuple[int, int]
Score = Callable[[intervals.Rows], float]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text and its label, or a label for each of its words at their `places`."""

    text: str
    labels: tuple[str, ...]
    places: tuple[Span, ...] | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A loaded encoder, frozen: texts to vectors. `source` is what `training` makes its heads over."""

    name: str
    origin: str
    parameters: int
    source: Encoder | Backbone
    encoder: TunedEncoder

    def vectors(self, rows: Sequence[Labelled]) -> Vectors:
        """A vector for each label of the rows, in order: (labels, width)."""
        order = sorted(range(len(rows)), key=lambda at: len(rows[at].text))
        found: dict[int, Vectors] = {}
        for start in range(0, len(order), BUCKET):
            some = order[start : start + BUCKET]
            tokens = self.source.tokens([rows[at].text for at in some])
            found.update(zip(some, self._read([rows[at] for at in some], tokens), strict=True))
        return np.concatenate([found[at] for at in range(len(rows))])

    def _read(self, rows: Sequence[Labelled], tokens: Tokens) -> Iterator[Vectors]:
        device = next(self.encoder.parameters()).device
        ids, mask = tokens.ids.to(device), tokens.mask.to(device)
        with torch.inference_mode():
            states = self.encoder(ids, mask)
            means = mean_of(states, mask).cpu().numpy()
        for at, row in enumerate(rows):
            if row.places is None:
                yield means[at : at + 1]
            else:
                yield _at_places(states[at].cpu().numpy(), tokens.offsets[at], row.places)


def load_candidate(name: str, device: str = "cpu") -> Candidate:
    """`minilm`, a folder in Hugging Face layout, or a Hub id; raises ModelError or EncoderError."""
    source: Encoder | Backbone
    if name == SHIPPED:
        source, encoder = Encoder.load(device), TunedEncoder()
        origin, parameters = "shipped with Deskhand", SHIPPED_PARAMETERS
    else:
        found = model_folder(name)
        source = Backbone.load(found.path, found.name)
        encoder, origin, parameters = TunedEncoder(backbone=source), found.source, source.parameters
    encoder.serve(device)
    return Candidate(name, origin, parameters, source, encoder)


def compare(
    path: Path,
    task: str,
    names: Sequence[str],
    *,
    seed: int,
    limit: int | None = None,
    device: str = "cpu",
    progress: Progress = lambda name, done, total: None,
) -> dict[str, Any]:
    """Figures of each candidate on the file's held-out texts, best first, and which wins.

    Raises BadFile for a file with too little, and what `load_candidate` raises, before anything is measured.
    """
    quiet()
    learned, held = split(path, task, limit, seed)
    candidates = [load_candidate(name, device) for name in dict.fromkeys(names)]
    measured: list[tuple[dict[str, Any], Score]] = []
    for candidate in candidates:
        began = time.monotonic()
        vectors = _in_windows(candidate, [*learned, *held], progress)
        seconds = time.monotonic() - began
        score = _score(task, held, _read(vectors, learned, seed))
        interval = intervals.bootstrap(len(held), score, seed)
        figures = {
            "encoder": candidate.name,
            "source": candidate.origin,
            "parameters": candidate.parameters,
            MEASURES[task]: score(np.arange(len(held))),
            "interval": {MEASURES[task]: interval},
            "texts_per_second": (len(learned) + len(held)) / max(seconds, 1e-9),
        }
        measured.append((figures, score))
    measured.sort(key=lambda one: -one[0][MEASURES[task]])
    return {
        "n": len(held),
        "learned_from": len(learned),
        "labels": len({label for row in learned for label in row.labels}),
        "measure": MEASURES[task],
        "winner": measured[0][0]["encoder"],
        **_lead(len(held), [score for _, score in measured], seed),
        "encoders": {one["encoder"]: one for one, _ in measured},
    }


def split(path: Path, task: str, limit: int | None, seed: int) -> tuple[list[Labelled], list[Labelled]]:
    """Rows to learn from and rows to judge by; raises BadFile where either is too few."""
    rows = files.some(_rows(path, task), limit, seed)
    learned = [row for row in rows if not files.held_out(row.text, HELD_OUT)]
    known = {label for row in learned for label in row.labels}
    held = [row for row in rows if files.held_out(row.text, HELD_OUT) and known.issuperset(row.labels)]
    if len(known) < 2 or not held:
        raise BadFile(
            f"{path.name}: {len(rows)} rows with {len(known)} labels are too few to compare encoders; "
            "two labels with some dozen different texts each are needed"
        )
    return learned, held


def _rows(path: Path, task: str) -> Iterator[Labelled]:
    if task == "entities":
        for one in files.rows(path, files.tagged_row):
            text, places = place(one.tokens, one.text)
            yield Labelled(text, tuple(one.tags), tuple(places))
        return
    parse = files.sentiment_row if task == "sentiment" else files.intent_row
    for row in files.rows(path, parse):
        yield Labelled(row.text, (row.label,))


def _at_places(states: Vectors, offsets: Sequence[Span], places: Sequence[Span]) -> Vectors:
    """The state of the first token in each place; zeros for what lies beyond the tokens that are read."""
    found = np.zeros((len(places), states.shape[1]), dtype=np.float32)
    for at, (start, end) in enumerate(places):
        inside = (token for token, (a, b) in enumerate(offsets) if a < end and start < b)
        first = next(inside, None)
        if first is not None:
            found[at] = states[first]
    return found


def _in_windows(candidate: Candidate, rows: Sequence[Labelled], progress: Progress) -> Vectors:
    found = []
    for start in range(0, len(rows), _WINDOW):
        found.append(candidate.vectors(rows[start : start + _WINDOW]))
        progress(candidate.name, min(start + _WINDOW, len(rows)), len(rows))
    return np.concatenate(found)


def _read(vectors: Vectors, learned: Sequence[Labelled], seed: int) -> list[str]:
    """Labels of the vectors behind those of the learned rows, by a linear head."""
    labels = np.array([label for row in learned for label in row.labels])
    taught = vectors[: len(labels)]
    # Another hash than that of the split: how strong the head is chosen to be must not see held-out rows.
    aside = np.array(
        [files.held_out(f"strength {row.text}", HELD_OUT) for row in learned for _ in row.labels]
    )
    strength = STRENGTHS[1]
    if aside.any() and len(set(labels[~aside])) > 1:
        strength = max(
            STRENGTHS,
            key=lambda one: _fitted(taught[~aside], labels[~aside], one, seed).score(
                taught[aside], labels[aside]
            ),
        )
    return [str(label) for label in _fitted(taught, labels, strength, seed).predict(vectors[len(labels) :])]


def _fitted(vectors: Vectors, labels: NDArray[np.str_], strength: float, seed: int) -> Pipeline:
    head = LogisticRegression(C=strength, max_iter=1000, random_state=seed)
    return make_pipeline(StandardScaler(), head).fit(vectors, labels)


def _lead(count: int, scores: Sequence[Score], seed: int) -> dict[str, Any]:
    """By how much the first is better than the second, and whether that is more than chance."""
    if len(scores) < 2:
        return {}
    first, second = scores[:2]
    low, high = intervals.bootstrap(count, lambda rows: first(rows) - second(rows), seed)
    every = np.arange(count)
    return {"lead": first(every) - second(every), "lead_interval": (low, high), "clear": low > 0}


def _score(task: str, held: Sequence[Labelled], guesses: Sequence[str]) -> Score:
    """How well the guesses, in the order of the held-out labels, do on any choice of held-out rows."""
    if task != "entities":
        return _label_score([row.labels[0] for row in held], guesses)
    counts, at = np.zeros((len(held), 3)), 0
    for number, row in enumerate(held):
        true, found = set(bio_runs(row.labels)), set(bio_runs(guesses[at : at + len(row.labels)]))
        counts[number] = len(true & found), len(true), len(found)
        at += len(row.labels)

    def f1(rows: intervals.Rows) -> float:
        hits, wanted, given = counts[rows].sum(0)
        return float(2 * hits / max(1.0, wanted + given))

    return f1


def _label_score(truth: Sequence[str], guesses: Sequence[str]) -> Score:
    names = sorted({*truth, *guesses})
    column = {name: at for at, name in enumerate(names)}
    true, found = (np.array([column[one] for one in some], dtype=np.intp) for some in (truth, guesses))
    return lambda rows: intervals.macro_f1_of(intervals.confusion(true[rows], found[rows], len(names)))
