"""What a candidate has shown beside the champion: verdicts on it from figures, and when to act on one.

Pure: numbers in, a verdict out. Two comparisons, each of what goes together (a conversation) as a whole:
- Nearness of either's drafts to what was sent, moment by moment: a paired bootstrap over conversations.
- Share of drafts that agents took, in conversations drawn by chance: a permutation test over conversations,
  one-sided (Fisher, 1935; as the draw was by chance, it needs no model of how decisions go together).

Whoever tests again at every new case finds luck sooner or later. So nothing is done but at looks, each at
twice as many cases as the one before, and the k-th of them (from 0) may err in ALPHA / 2^(k + 1): by the
union bound all looks together err in ALPHA at most, however long they go on (alpha spending: Lan and DeMets,
1983; this is its most careful form). It knows no database, no model and no version.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np

from nlp.gains import Gain, by_conversation, gain
from nlp.shares import LEVEL

ALPHA = 0.05
FIRST_LOOK = 50
"""Cases at the first look."""
POINTS = 0.03
"""A difference in nearness that is worth knowing: three points. What surely loses less is "not worse"."""
POWER = 0.8
FEWEST = 20
"""Conversations below which nothing is said: a bootstrap of a handful knows nothing."""
ROUNDS = 5_000
"""Permutations, and draws at a look: enough for the eighth."""
SLOWER = 2.0
"""How much longer a candidate's slowest twentieth may take, as a multiple of the champion's."""
FEWEST_TIMED = 50
FEWEST_ERRORS, ERRORS = 5, 0.05
"""Messages on which the models failed, and their share of all, from which on a candidate is broken."""

Verdict = Literal["better", "not worse", "worse", "too few"]


def due(cases: int, looks: int) -> bool:
    """Is the next look due, after so many looks?"""
    return cases >= next_look(looks)


def next_look(looks: int) -> int:
    """How many cases it takes for the next look."""
    return int(FIRST_LOOK * 2**looks)


def error_at(looks: int) -> float:
    """How often the next look may err, after so many looks."""
    return float(ALPHA / 2 ** (looks + 1))


# Nearness to what was sent, moment by moment.


@dataclass(frozen=True, slots=True)
class Pair:
    """One moment: how near champion and candidate came, 0..1."""

    conversation: str
    champion: float
    candidate: float


@dataclass(frozen=True, slots=True)
class Compared:
    """What pairs come to. Without pairs the figures are 0, and the gain is None."""

    moments: int
    conversations: int
    champion: float
    candidate: float
    gain: Gain | None
    needed: int
    """Moments in all until a difference of POINTS would be seen with POWER, by the variance seen so far."""

    @property
    def verdict(self) -> Verdict:
        """By the interval of the gain."""
        if self.gain is None or self.conversations < FEWEST:
            return "too few"
        if self.gain.low > 0:
            return "better"
        if self.gain.low > -POINTS:
            return "not worse"
        return "worse" if self.gain.high < 0 else "too few"

    @property
    def missing(self) -> int:
        """How many more moments it takes, at least."""
        if self.conversations < FEWEST:
            return FEWEST - self.conversations
        return max(1, self.needed - self.moments)

    def said(self) -> str:
        """The verdict, for a person."""
        if self.verdict != "too few":
            return f"{self.verdict}: {self.gain} in {self.moments:,} moments"
        more = f"{self.missing:,} more moment{'' if self.missing == 1 else 's'}"
        if self.conversations < FEWEST:
            return f"too few yet: at least {more} needed before anything can be said"
        return f"too few yet: {more} needed to see a difference of {round(POINTS * 100)} points"


def compare(pairs: Sequence[Pair], *, error: float = 1 - LEVEL, rounds: int = 1_000) -> Compared:
    """Candidate against champion; the interval of the gain errs in `error` of all cases."""
    if not pairs:
        return Compared(0, 0, 0.0, 0.0, None, FEWEST)
    champion = np.array([pair.champion for pair in pairs])
    candidate = np.array([pair.candidate for pair in pairs])
    names = [pair.conversation for pair in pairs]
    found = gain(champion, candidate, names, len(pairs), level=1 - error, rounds=rounds)
    sums, counts = by_conversation(candidate - champion, names)
    conversations = len(sums)
    # Of the mean, conversations as wholes; so much more is needed as it is over what POINTS can bear.
    variance = ((sums - found.mean * counts) ** 2).sum() / len(pairs) ** 2
    variance *= conversations / max(1, conversations - 1)
    z = NormalDist().inv_cdf((1 + LEVEL) / 2) + NormalDist().inv_cdf(POWER)
    needed = max(FEWEST, int(np.ceil(len(pairs) * variance * (z / POINTS) ** 2)))
    return Compared(len(pairs), conversations, float(champion.mean()), float(candidate.mean()), found, needed)


def course(pairs: Sequence[Pair], points: int = 12) -> list[tuple[int, Gain]]:
    """The gain as it stood after more and more moments, for a drawing."""
    steps = sorted({round(len(pairs) * (at + 1) / points) for at in range(points)} - {0})
    told = ((step, compare(pairs[:step], rounds=300).gain) for step in steps)
    return [(step, found) for step, found in told if found is not None]


# Drafts that agents took, by conversations drawn by chance.


@dataclass(frozen=True, slots=True)
class Arm:
    """The conversations of one version: decisions of agents in each, and how many took a draft."""

    decided: tuple[int, ...]
    taken: tuple[int, ...]

    @property
    def decisions(self) -> int:
        """How many decisions there are in all."""
        return sum(self.decided)

    @property
    def share(self) -> float:
        """Share of them that took a draft, 0..1."""
        return sum(self.taken) / self.decisions if self.decisions else 0.0


def chance(canary: Arm, control: Arm) -> float:
    """How often the draw alone makes the canary look so much worse, or more; 1 without cases."""
    if not canary.decisions or not control.decisions:
        return 1.0
    decided = np.array(canary.decided + control.decided, dtype=np.float64)
    taken = np.array(canary.taken + control.taken, dtype=np.float64)
    size = len(canary.decided)

    def loss(rows: np.ndarray) -> float:
        ours, others = rows[:size], rows[size:]
        return float(taken[others].sum() / decided[others].sum() - taken[ours].sum() / decided[ours].sum())

    seen = loss(np.arange(len(decided)))
    rng = np.random.default_rng(len(decided))
    as_bad = sum(loss(rng.permutation(len(decided))) >= seen - 1e-12 for _ in range(ROUNDS))
    return (1 + as_bad) / (1 + ROUNDS)


def slowest(milliseconds: Sequence[float]) -> float | None:
    """What the slowest twentieth takes at least; None with too few cases."""
    return float(np.quantile(milliseconds, 0.95)) if len(milliseconds) >= FEWEST_TIMED else None


def too_slow(candidate: Sequence[float], champion: Sequence[float]) -> str:
    """Why a candidate is too slow; empty where it isn't, or too little is known."""
    ours, theirs = slowest(candidate), slowest(champion)
    if ours is None or theirs is None or ours <= SLOWER * theirs:
        return ""
    takes = f"{ours / 1000:.1f} s, the champion's {theirs / 1000:.1f} s"
    return f"the slowest twentieth of its messages takes {takes}"


def too_broken(errors: int, worked: int) -> str:
    """Why a candidate fails too often; empty where it doesn't. `worked` counts where it did not fail."""
    if errors < FEWEST_ERRORS or errors <= ERRORS * (errors + worked):
        return ""
    return f"its models failed on {errors} of {errors + worked} messages"
