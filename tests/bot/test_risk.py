"""The threshold, its bound and its promise: a published table, edge cases, and many shops at chance."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from random import Random
from uuid import UUID, uuid4

import pytest
from scipy.stats import beta

from bot.risk import MOST, Labels, Reviewed, at_most, needed, passes, sampled, sizes, upper_bound


def labels(*drafts: tuple[float, bool], messages: tuple[float | None, ...] = ()) -> Labels:
    return Labels([Reviewed(score, acceptable) for score, acceptable in drafts], messages)


def good(count: int, score: float = 0.9) -> list[tuple[float, bool]]:
    return [(score, True)] * count


@pytest.mark.parametrize(
    ("tolerated", "row"),
    [
        (0.10, (29, 46, 61, 103)),
        (0.05, (59, 93, 124, 208)),
        (0.02, (149, 236, 313, 523)),
        (0.01, (299, 473, 628, 1049)),
    ],
)
def test_so_many_reviewed_drafts_are_needed_with_0_1_2_and_5_errors(
    tolerated: float, row: tuple[int, ...]
) -> None:
    assert tuple(needed(tolerated, errors) for errors in (0, 1, 2, 5)) == row
    for errors, count in zip((0, 1, 2, 5), row, strict=True):
        assert upper_bound(errors, count) <= tolerated < upper_bound(errors, count - 1)


def test_more_errors_than_the_table_holds_need_still_more_drafts() -> None:
    errors = len(sizes(0.01))
    count = needed(0.01, errors)
    assert count > MOST
    assert passes(errors, count, 0.01) and not passes(errors, count - 1, 0.01)


@pytest.mark.parametrize(
    ("errors", "cases"), [(0, 1), (0, 10), (1, 10), (5, 50), (50, 100), (0, 300), (600, 2000), (1999, 2000)]
)
def test_the_bound_is_the_quantile_of_the_beta_distribution(errors: int, cases: int) -> None:
    assert upper_bound(errors, cases) == pytest.approx(beta.ppf(0.95, errors + 1, cases - errors), abs=1e-9)


def test_the_bound_without_cases_or_with_errors_only_is_everything() -> None:
    assert upper_bound(0, 0) == upper_bound(3, 3) == 1.0


def test_the_tail_sums_to_what_the_binomial_says() -> None:
    assert at_most(0, 3, 0.5) == pytest.approx(1 / 8)
    assert at_most(1, 3, 0.5) == pytest.approx(4 / 8)
    assert at_most(2, 2, 1.0) == 0.0


def test_too_few_drafts_say_how_many_are_missing() -> None:
    assert labels().assess(0.05).missing == 59
    finding = labels(*good(18)).assess(0.05)
    assert (finding.chosen, finding.missing, finding.strictest) == (None, 41, None)


def test_just_enough_good_drafts_find_their_score() -> None:
    finding = labels(*good(58), (0.4, True)).assess(0.05)
    assert finding.chosen is not None and finding.missing == 0
    assert (finding.chosen.threshold, finding.chosen.reviewed, finding.chosen.coverage) == (0.4, 59, 1.0)


def test_one_error_among_just_enough_says_how_many_more_it_takes() -> None:
    finding = labels(*good(58), (0.4, False)).assess(0.05)
    assert finding.chosen is None and finding.strictest is not None
    assert (finding.strictest.errors, finding.missing) == (1, 93 - 59)


def test_bad_drafts_below_do_not_spoil_the_good_ones_above() -> None:
    found = labels(*good(100, 0.9), *[(0.3, False)] * 100).assess(0.05).chosen
    assert found is not None
    assert (found.threshold, found.reviewed, found.errors, found.coverage) == (0.9, 100, 0, 0.5)


def test_drafts_with_one_score_stand_or_fall_together() -> None:
    mixed = labels(*good(60, 0.8), *[(0.8, False)] * 60)
    finding = mixed.assess(0.05)
    assert finding.chosen is None and finding.strictest is not None
    assert (finding.strictest.reviewed, finding.strictest.errors) == (120, 60)


def test_the_tests_end_at_the_first_set_that_fails() -> None:
    # the worst of it lies near the top; taken as a whole, all of it would pass
    acceptable = [True] * 50 + [False] * 10 + [True] * 900
    drafts = [(1 - place / 1000, one) for place, one in enumerate(acceptable)]
    everything = labels(*drafts).at(0.0)
    assert passes(everything.errors, everything.reviewed, 0.05)
    finding = labels(*drafts).assess(0.05)
    assert finding.chosen is None and finding.strictest is not None
    assert (finding.strictest.reviewed, finding.strictest.errors) == (208, 10)


def test_coverage_is_of_all_messages_where_they_are_known() -> None:
    found = labels(*good(59, 0.9), messages=(0.95, 0.9, 0.2, None)).assess(0.05).chosen
    assert found is not None and found.coverage == 0.5


def test_the_curve_loosens_from_point_to_point_and_ends_with_everything() -> None:
    rng = Random(3)
    drafts = [(rng.random(), rng.random() < 0.8) for _ in range(500)]
    curve = labels(*drafts).curve()
    assert 40 <= len(curve) <= 50
    assert all(a.threshold > b.threshold and a.reviewed < b.reviewed for a, b in pairwise(curve))
    assert all(point.rate <= point.bound <= 1 for point in curve)
    assert curve[-1].reviewed == 500 and curve[-1].errors == sum(not good for _, good in drafts)
    assert labels().curve() == []


def _level(share: float) -> Callable[[float], float]:
    return lambda score: share


@pytest.mark.parametrize(
    ("wrong", "tolerated"),
    [
        (_level(0.06), 0.05),
        (_level(0.11), 0.10),
        (lambda score: (1 - score) * 0.5, 0.05),
        (lambda score: (1 - score) * 0.5, 0.10),
        (lambda score: 0.02 if score > 0.7 else 0.4, 0.05),
        (lambda score: 0.5 if score > 0.9 else 0.05, 0.10),
    ],
)
@pytest.mark.parametrize("count", [59, 200, 600])
def test_in_19_of_20_shops_no_more_than_the_tolerated_share_is_wrong(
    wrong: Callable[[float], float], tolerated: float, count: int
) -> None:
    rng, shops, broken = Random(11), 400, 0
    ladder = [(at + 0.5) / 1000 for at in range(1000)]
    for _ in range(shops):
        scores = [rng.random() for _ in range(count)]
        chosen = labels(*((s, rng.random() >= wrong(s)) for s in scores)).assess(tolerated).chosen
        if chosen is None:
            continue
        sent = [wrong(score) for score in ladder if score >= chosen.threshold]
        broken += bool(sent) and sum(sent) / len(sent) > tolerated
    assert broken <= shops * 0.05


def test_a_good_model_is_let_out_where_it_can_be() -> None:
    rng, found = Random(2), 0
    for _ in range(50):
        scores = [rng.random() for _ in range(600)]
        drafts = ((score, rng.random() >= (0.01 if score > 0.6 else 0.4)) for score in scores)
        chosen = labels(*drafts).assess(0.05).chosen
        found += chosen is not None and chosen.coverage > 0.25
    assert found >= 40


def test_a_sample_is_a_share_and_always_the_same() -> None:
    ids = [UUID(int=number) for number in range(2000)]
    drawn = [one for one in ids if sampled(one, 0.1)]
    assert 150 < len(drawn) < 250
    assert drawn == [one for one in ids if sampled(one, 0.1)]
    one = uuid4()
    assert sampled(one, 1.0) and not sampled(one, 0.0)
