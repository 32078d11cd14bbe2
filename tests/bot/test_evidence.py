"""Verdicts on candidates from made-up figures: right where there is something, and seldom wrong where not."""

from __future__ import annotations

from random import Random

import pytest

from bot import evidence
from bot.evidence import Arm, Pair, chance, compare, due, error_at, too_broken, too_slow


def pairs(count: int, shift: float, seed: int = 1, spread: float = 0.1, together: int = 2) -> list[Pair]:
    """Moments in conversations of a few, the candidate's drafts nearer by `shift`."""
    rng = Random(seed)
    found = []
    for at in range(count):
        champion = rng.uniform(0.3, 0.7)
        found.append(Pair(str(at // together), champion, champion + shift + rng.gauss(0, spread)))
    return found


def test_a_planted_difference_is_found_on_either_side() -> None:
    assert compare(pairs(200, 0.08)).verdict == "better"
    assert compare(pairs(200, -0.08)).verdict == "worse"
    assert compare(pairs(400, -0.01, spread=0.01)).verdict == "not worse", "a loss, but not worth a word"
    even = compare(pairs(600, 0.0, seed=2, spread=0.1))
    assert even.verdict == "not worse" and even.said().startswith("not worse: ")


def test_too_few_says_how_many_more_and_they_are_enough() -> None:
    few = compare(pairs(60, 0.0, seed=2, spread=0.3))
    assert few.verdict == "too few"
    assert few.said() == (f"too few yet: {few.missing:,} more moments needed to see a difference of 3 points")
    # Said of 0.3 of noise: (1.96 + 0.84)^2 * 0.09 / 0.03^2 = 785, give or take what 60 know of it.
    assert 400 < few.needed < 1_300
    seen = [compare(pairs(785, 0.03, seed, spread=0.3)).verdict == "better" for seed in range(40)]
    assert sum(seen) >= 26, "eight of ten, give or take"


def test_nothing_is_said_of_a_handful_however_clear() -> None:
    assert compare([]).said() == "too few yet: at least 20 more moments needed before anything can be said"
    clear = compare(pairs(38, 0.5, spread=0.01))
    assert (clear.verdict, clear.conversations, clear.missing) == ("too few", 19, 1)
    assert compare(pairs(40, 0.5, spread=0.01)).verdict == "better"


def test_moments_of_one_conversation_are_no_proofs_of_their_own() -> None:
    rng = Random(3)
    shifts = [rng.gauss(0.05, 0.2) for _ in range(30)]
    together = [Pair(str(at // 10), 0.5, 0.5 + shifts[at // 10]) for at in range(300)]
    alone = [Pair(str(at), one.champion, one.candidate) for at, one in enumerate(together)]
    wide, narrow = compare(together).gain, compare(alone).gain
    assert wide is not None and narrow is not None
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)
    assert compare(together).needed > 5 * compare(alone).needed


def test_the_course_ends_with_the_gain_of_all() -> None:
    told = evidence.course(pairs(100, 0.05))
    assert [step for step, _ in told][-1] == 100 and len(told) == 12
    last, whole = told[-1][1], compare(pairs(100, 0.05)).gain
    assert whole is not None and last.mean == whole.mean
    assert evidence.course([]) == []


def test_looks_double_and_their_errors_stay_below_the_bound_together() -> None:
    assert [due(cases, 0) for cases in (49, 50)] == [False, True]
    assert [due(cases, 2) for cases in (199, 200)] == [False, True]
    assert sum(error_at(look) for look in range(40)) == pytest.approx(evidence.ALPHA)


def arm(conversations: int, share: float, seed: int) -> Arm:
    """Conversations of one to four decisions, each with a bent of its own."""
    rng = Random(seed)
    decided = [rng.randint(1, 4) for _ in range(conversations)]
    bents = [min(1.0, max(0.0, share + rng.choice((-0.3, 0.3)))) for _ in decided]
    taken = [sum(rng.random() < bent for _ in range(n)) for n, bent in zip(decided, bents, strict=True)]
    return Arm(tuple(decided), tuple(taken))


def test_a_worse_canary_is_no_chance_and_an_equal_or_better_one_may_be() -> None:
    control = arm(300, 0.5, 1)
    assert chance(arm(60, 0.2, 2), control) < 0.001
    assert chance(arm(60, 0.8, 2), control) > 0.99
    assert chance(Arm((), ()), control) == 1.0


def test_an_equal_canary_is_seldom_sent_back_however_often_it_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(evidence, "ROUNDS", 400)
    returned = 0
    for seed in range(60):
        whole, control = arm(90, 0.5, seed), arm(400, 0.5, seed + 1_000)
        for look, conversations in enumerate((22, 45, 90)):
            some = Arm(whole.decided[:conversations], whole.taken[:conversations])
            if chance(some, control) <= error_at(look):
                returned += 1
                break
    assert returned <= 7, "one in twenty, give or take"


def test_slow_and_broken_are_told_and_only_with_enough_cases() -> None:
    quick, slow = [100.0] * 50, [100.0] * 40 + [900.0] * 10
    assert "0.9 s, the champion's 0.1 s" in too_slow(slow, quick)
    assert too_slow(slow[1:], quick) == "" and too_slow(quick, slow) == ""
    assert too_broken(4, 0) == "" and too_broken(5, 95) == ""
    assert too_broken(6, 94) == "its models failed on 6 of 100 messages"
