"""The gate lets a better candidate pass, and refuses every other one with its reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from training.gate import Leaks, Side, Trial, decide, decisions_needed, gain, group_gains

N = 200
CONVERSATIONS = [f"c{at // 4}" for at in range(N)]
CLEAN = Leaks(
    recited=0,
    sampled=1000,
    held=3,
    exposure=1.4,
    limit=1.79,
    produced=0,
    planted=50,
    control=14.0,
    wanted=10.0,
)


def side(similarity: float, seed: int = 1) -> Side:
    rng = np.random.default_rng(seed)
    return Side(
        similarity=np.clip(similarity + rng.normal(0, 0.1, N), 0, 1),
        first_of_10=(rng.random(N) < 0.6).astype(float),
        answered=np.ones(N),
        unsafe=np.zeros(N),
        seconds=rng.uniform(0.2, 0.3, N),
        slot_precision=0.97,
        repeated_4grams=0.001,
    )


def trial(champion: Side, candidate: Side) -> Trial:
    angry = np.arange(N) % 5 == 0
    groups = {"mood negative": angry, "mood neutral": ~angry, "intent rare": np.arange(N) < 6}
    return Trial(champion, candidate, CONVERSATIONS, groups, 0.002)


def refused(found: Trial, leaks: Leaks | None = CLEAN) -> set[str]:
    """The checks that failed."""
    verdict = decide(found, leaks, seed=3)
    assert verdict.passed == (not verdict.reasons)
    return {check.name for check in verdict.checks if not check.passed}


def test_a_better_one_passes_and_everything_that_was_looked_at_is_told() -> None:
    verdict = decide(trial(side(0.5), side(0.6, 2)), CLEAN, seed=3)
    assert verdict.passed and verdict.reasons == []
    told = verdict.told()
    assert told["passed"] and len(told["checks"]) == 13
    assert "similarity of the best of three" in told["checks"][0]["said"]


def test_one_that_is_no_better_is_refused() -> None:
    same = side(0.5)
    assert refused(trial(same, replace(same))) == {"better"}
    assert refused(trial(side(0.5), side(0.501, 2))) == {"better"}


def test_a_group_that_gets_worse_refuses_although_the_whole_is_better() -> None:
    champion, candidate = side(0.5), side(0.65, 2)
    angry = np.arange(N) % 5 == 0
    candidate.similarity[angry] = champion.similarity[angry] - 0.1
    found = trial(champion, candidate)
    assert refused(found) == {"groups"}
    assert "mood negative" in decide(found, CLEAN, seed=3).reasons[0]
    assert "intent rare" not in group_gains(found, 3), "six questions say nothing"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"slot_precision": 0.9}, "slots"),
        ({"repeated_4grams": 0.02}, "repeats"),
        ({"answered": np.repeat([1.0, 0.0], [N * 4 // 5, N - N * 4 // 5])}, "coverage"),
        ({"first_of_10": np.zeros(N)}, "ranking"),
        ({"unsafe": np.eye(1, N)[0]}, "safety"),
        ({"seconds": np.full(N, 0.9)}, "latency"),
    ],
)
def test_what_must_hold_refuses_a_better_one(change: dict[str, object], name: str) -> None:
    assert refused(trial(side(0.5), replace(side(0.6, 2), **change))) == {name}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("leaks", "names"),
    [
        (replace(CLEAN, recited=1), {"recitation"}),
        (replace(CLEAN, held=51), {"memory"}),
        (replace(CLEAN, produced=1), {"secrets"}),
        (replace(CLEAN, exposure=1.9), {"exposure"}),
        (replace(CLEAN, control=9.0), {"control"}),
        (replace(CLEAN, control=None), {"control"}),
        (None, {"privacy"}),
    ],
)
def test_what_leaks_never_goes_live(leaks: Leaks | None, names: set[str]) -> None:
    assert refused(trial(side(0.5), side(0.6, 2)), leaks) == names


def test_too_few_questions_decide_nothing() -> None:
    one, other = side(0.4), side(0.9, 2)
    few = Trial(*(_first(x, 30) for x in (one, other)), CONVERSATIONS[:30], {}, 0.0)
    verdict = decide(few, CLEAN, seed=3)
    assert verdict.reasons == ["30 questions to judge by; 50 at least are needed"]


def _first(one: Side, count: int) -> Side:
    arrays = {
        name: getattr(one, name)[:count] for name in ("similarity", "first_of_10", "answered", "unsafe")
    }
    return replace(one, **arrays, seconds=one.seconds[:count])


def test_turns_of_one_conversation_are_not_counted_as_many_proofs() -> None:
    rng = np.random.default_rng(5)
    shift = np.repeat(rng.normal(0.02, 0.1, 10), 20)
    alone = gain(np.zeros(200), shift, [str(at) for at in range(200)], 1)
    together = gain(np.zeros(200), shift, [str(at // 20) for at in range(200)], 1)
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_the_interval_covers_no_difference_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(9)
    names = [f"c{at // 3}" for at in range(150)]
    hit = 0
    for seed in range(60):
        found = gain(np.zeros(150), rng.normal(0, 1, 150), names, seed)
        hit += found.low <= 0 <= found.high
    assert 51 <= hit <= 60


def test_how_many_decisions_show_three_points_is_what_the_books_say() -> None:
    assert [decisions_needed(0.4, points) for points in (0.03, 0.05, 0.10)] == [4231, 1531, 385]
