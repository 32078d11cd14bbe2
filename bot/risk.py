"""How wrong would automatic replies be: the score from which drafts may go out alone, and how sure that is.

Pure: reviewed drafts in, a threshold and a curve out. Sets of the best-scored drafts are tested one
after the other, from a strict one to looser ones, each against "more than the tolerated share is wrong"
with the exact binomial (Clopper and Pearson, 1934, one-sided, 95 %); the first that fails ends the tests
(fixed-sequence testing: Bauer, 1991), so that no correction for their number is due. The sizes of the
sets are where one more error can be borne (59, 93, 124 ... for 5 %), known before any label is.

What it takes for granted, and can't check:
- Reviewed drafts are like those that will be sent: the same model version, customers who ask for the
  same things, the same rules before it. A new version begins with nothing; drift is for the reviews of
  what was sent to find.
- An agent who sent a draft unchanged, or nearly so, found it acceptable; every other verdict is an error.
- One look. Who tests again at every new label will find luck sooner or later; so callers look seldom.
It knows no database, no policy and no person.
"""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from uuid import UUID

SURE = 0.95
"""With this probability the true share of wrong replies is at most the bound."""
TOLERABLE = (1, 2, 5, 10)
"""Per cent of wrong replies that a shop may choose to tolerate."""
MOST = 2_000
"""Reviewed drafts that are looked at, the newest: what is older was another shop."""
STRICTEST = 4
"""The first set that is tested is this part of all reviewed drafts (a quarter), within limits: at least
what could pass without an error, at most what could pass with ERRORS_AT_FIRST. A smaller one would be
ended by one unlucky draft, a larger one hide that only the best are good enough."""
ERRORS_AT_FIRST = 5
CURVE = 48
"""Points of a curve."""


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One reviewed first draft: its score, and whether it could have gone out."""

    score: float
    acceptable: bool


@dataclass(frozen=True, slots=True)
class Point:
    """What would happen if drafts from a score on went out alone."""

    threshold: float
    reviewed: int
    """Reviewed drafts at or above it."""
    errors: int
    """Those of them that were not acceptable."""
    coverage: float
    """Share of all customers' messages that would be answered alone, 0..1."""

    @property
    def rate(self) -> float:
        """Share of errors, 0..1."""
        return self.errors / self.reviewed if self.reviewed else 0.0

    @property
    def bound(self) -> float:
        """What the true share of errors is at most, as far as one can be SURE."""
        return upper_bound(self.errors, self.reviewed)


@dataclass(frozen=True, slots=True)
class Finding:
    """What reviewed drafts say about one tolerated rate."""

    chosen: Point | None
    """The loosest point that passed; None where none did."""
    missing: int
    """How many more reviewed drafts it takes at least, all of them acceptable; 0 where a point passed."""
    strictest: Point | None
    """The first point that was tested; None where there were too few drafts for any."""


class Labels:
    """Reviewed drafts, and the scores of all recent messages, ready to be asked about thresholds.

    `messages` holds the first draft's score of each recent message, None where nothing could have
    gone out whatever the score. Without it the reviewed drafts stand for all messages.
    """

    def __init__(self, reviewed: Sequence[Reviewed], messages: Sequence[float | None] = ()) -> None:
        best_first = sorted(reviewed, key=lambda one: -one.score)
        # negated, since bisect wants them to rise
        self._scores = [-one.score for one in best_first]
        self._errors = [0, *accumulate(not one.acceptable for one in best_first)]
        self._messages = sorted(-score for score in messages if score is not None)
        self._all_messages = len(messages)

    def __len__(self) -> int:
        return len(self._scores)

    @property
    def errors(self) -> int:
        """How many of all reviewed drafts were not acceptable."""
        return self._errors[-1]

    def at(self, threshold: float) -> Point:
        """What is known of the drafts at or above a score."""
        count = bisect_right(self._scores, -threshold)
        if self._all_messages:
            coverage = bisect_right(self._messages, -threshold) / self._all_messages
        else:
            coverage = count / len(self) if self._scores else 0.0
        return Point(threshold, count, self._errors[count], coverage)

    def best(self, count: int) -> Point:
        """The same for the best `count` drafts, and all that are level with the last of them."""
        return self.at(-self._scores[count - 1])

    def assess(self, tolerated: float) -> Finding:
        """Test from strict to loose for a tolerated share of errors, 0..1."""
        bearable = sizes(tolerated)
        if len(self) < bearable[0]:
            return Finding(None, bearable[0] - len(self), None)
        chosen, tested = None, [self.best(size) for size in self._sequence(bearable)]
        for point in tested:
            if not passes(point.errors, point.reviewed, tolerated):
                break
            chosen = point
        strictest = tested[0]
        missing = 0 if chosen else needed(tolerated, strictest.errors) - strictest.reviewed
        return Finding(chosen, missing, strictest)

    def _sequence(self, bearable: Sequence[int]) -> list[int]:
        """Sizes of the sets to test, rising, chosen by the number of labels and by nothing else of them."""
        first = max(bearable[0], len(self) // STRICTEST)
        skipped = bisect_right(bearable[: ERRORS_AT_FIRST + 1], first) - 1
        listed = [size for size in bearable[skipped:] if size < len(self)]
        return [*listed, len(self)]

    def curve(self) -> list[Point]:
        """Risk and coverage from strict to loose, at most CURVE points, each threshold once."""
        step = max(1, math.ceil(len(self) / CURVE))
        counts = sorted({*range(step, len(self) + 1, step), len(self)} - {0})
        points = {point.threshold: point for point in map(self.best, counts)}
        return list(points.values())


def upper_bound(errors: int, reviewed: int) -> float:
    """The one-sided 95 % Clopper-Pearson upper bound of a share of errors; 1 without cases.

    It is the share at which so few errors would be seen in 5 % of all such samples.
    """
    if errors >= reviewed:
        return 1.0
    low, high = errors / reviewed, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        if at_most(errors, reviewed, middle) > 1 - SURE:
            low = middle
        else:
            high = middle
    return high


def passes(errors: int, reviewed: int, tolerated: float) -> bool:
    """Whether the upper bound is within the tolerated share; without computing the bound."""
    return errors < reviewed * tolerated and at_most(errors, reviewed, tolerated) <= 1 - SURE


def at_most(errors: int, cases: int, share: float) -> float:
    """P(X <= errors) of a binomial; for errors / cases <= share < 1, where its terms fall off quickly."""
    if share >= 1.0:
        return 0.0
    log_term = (
        math.lgamma(cases + 1)
        - math.lgamma(errors + 1)
        - math.lgamma(cases - errors + 1)
        + (errors * math.log(share) if errors else 0.0)
        + (cases - errors) * math.log1p(-share)
    )
    term, total = 1.0, 0.0
    for left in range(errors, -1, -1):
        total += term
        term *= left * (1 - share) / ((cases - left + 1) * share)
        if term < total * 1e-16:
            break
    return math.exp(log_term) * total


@lru_cache(maxsize=len(TOLERABLE) * 2)
def sizes(tolerated: float) -> tuple[int, ...]:
    """How many reviewed drafts it takes with 0, 1, 2 ... errors among them, as far as MOST."""
    return tuple(_sizes(tolerated))


def _sizes(tolerated: float) -> Iterator[int]:
    errors = 0
    for count in range(1, MOST + 1):
        if passes(errors, count, tolerated):
            yield count
            errors += 1


def needed(tolerated: float, errors: int) -> int:
    """How many reviewed drafts a threshold needs that has this many errors among them."""
    known = sizes(tolerated)
    if errors < len(known):
        return known[errors]
    count = max(MOST, math.ceil(errors / tolerated))
    while not passes(errors, count, tolerated):
        count += 1
    return count


def sampled(message_id: UUID, share: float) -> bool:
    """Whether the automatic reply to a message is put before a person; always the same for one message."""
    drawn = int.from_bytes(hashlib.sha256(message_id.bytes).digest()[:8], "big")
    return drawn < share * 2**64
