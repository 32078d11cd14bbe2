"""How much of what fits into the minutes that a round may take. Counted once, kept beside the work.

Everything a round does has its share of them: reading, teaching, the trial and the privacy tests. Only what
must be done whatever the time (FEWEST steps, a ranking of planted secrets) can make a short one longer.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from nlp.reading import Reader
from nlp.registry import Version
from training import preference
from training.bases import Base
from training.finetune import Example, TuneConfig, padded, weighted_loss
from training.gate import FEWEST_QUESTIONS
from training.matcher import Lesson, MatchConfig, new_matcher, try_step
from training.preference import Pair

READING, MATCHER, REPLY, ASKING, RECITING = 0.25, 0.25, 0.2, 0.14, 0.06
"""Of the minutes: to read what customers said, to teach the matcher, to tune the reply model, to ask champion
and candidate, to look for recited text. What is left goes to planted secrets and to what nobody counts."""
TRANSLATING, PREFERENCE = 0.08, 0.08
"""And where they are asked for: to translate customers' turns, to learn what agents preferred."""
EPOCHS = 6
"""No more than so often is the same thing taught: what is learned by heart does not help. Pairs: once."""
FEWEST = 8
"""Steps that are made whatever the time."""
SOME = 64
"""Texts that are read for a trial, and the fewest that a round reads."""


def planned(note: Path, what: str, steps: Callable[[], int]) -> int:
    """How many steps of `what` are made: counted once for an order, so that a resumed round keeps to it."""
    known: dict[str, int] = json.loads(note.read_text()) if note.exists() else {}
    if what not in known:
        known[what] = steps()
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(json.dumps(known))
    return known[what]


def fitting(seconds: float, each: float, epoch: float, epochs: int = EPOCHS) -> int:
    """Steps that fit into the seconds, at `each` seconds a step and `epoch` steps for all examples once."""
    return max(FEWEST, min(round(epochs * epoch), int(seconds / each)))


def timed(step: Callable[[], object]) -> float:
    """Seconds of a step, the second of two: the first one also makes what later ones find made."""
    step()
    began = time.monotonic()
    step()
    return time.monotonic() - began


def readable(texts: Sequence[str], reader: Reader, minutes: float) -> int:
    """How many texts can be read within the share of the minutes, by the time that some of them take."""
    some = list(texts[:: max(1, len(texts) // SOME)])[:SOME]
    each = timed(lambda: reader.read(some)) / max(1, len(some))
    return max(SOME, int(READING * 60 * minutes / each))


def questions(ask: Callable[[], object], asked: int, minutes: float) -> int:
    """How many questions can be asked within the share of the minutes; `ask` asks so many for a trial."""
    return max(FEWEST_QUESTIONS, int(ASKING * 60 * minutes / (timed(ask) / asked)))


def matcher_steps(lessons: Sequence[Lesson], parent: Version, minutes: float, seed: int) -> int:
    """Steps of the matcher within its share of the minutes."""
    model, codec = new_matcher(seed, parent.reply)
    count = MatchConfig(steps=1).lessons
    batch = list(lessons[:: max(1, len(lessons) // count)])[:count]
    each = timed(lambda: try_step(model, codec, batch))
    return fitting(MATCHER * 60 * minutes, each, len(lessons) / count)


def reply_steps(shown: Sequence[Example], base: Base, minutes: float) -> int:
    """Steps of the reply model within its share of the minutes."""
    tokens, mean = TuneConfig(steps=1).tokens_per_batch, sum(len(one.ids) for one in shown) / len(shown)
    batch = padded(sorted(shown, key=lambda one: abs(len(one.ids) - mean))[: int(tokens / mean)])
    each = timed(lambda: weighted_loss(base.model, *batch).backward())  # type: ignore[no-untyped-call]
    base.model.zero_grad(set_to_none=True)
    return fitting(REPLY * 60 * minutes, each, len(shown) * mean / tokens)


def preference_steps(pairs: Sequence[Pair], base: Base, minutes: float) -> int:
    """Steps of preference tuning within its share of the minutes."""
    each = preference.seconds_a_step(base.model, base.codec, pairs)
    return fitting(PREFERENCE * 60 * minutes, each, len(pairs) / preference.BATCH, epochs=1)


@contextmanager
def timed_in(note: Path) -> Iterator[None]:
    """Add the seconds of the block to what earlier tries have spent; one that was killed outright is lost."""
    began, before = time.monotonic(), spent(note)
    try:
        yield
    finally:
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(json.dumps(before + time.monotonic() - began))


def spent(note: Path) -> float:
    """Seconds that a round has taken so far, over all its tries."""
    return float(json.loads(note.read_text())) if note.exists() else 0.0
