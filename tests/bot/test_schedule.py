"""When a round is due: by the clock, once for what was missed, and by what was reviewed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.schedule import Schedule, due, latest_slot, next_slot

NOW = datetime(2026, 11, 29, 8, 30, tzinfo=UTC)
"""A Sunday."""
LONG_AGO = NOW - timedelta(days=40)
NIGHTLY = Schedule(when="nightly", hour=2, since=LONG_AGO.isoformat())
WEEKLY = Schedule(when="weekly", hour=2, weekday=3, since=LONG_AGO.isoformat())


def test_nothing_is_due_until_somebody_chooses_it() -> None:
    assert due(Schedule(), None, 10_000, NOW) is None
    assert next_slot(Schedule(), NOW) is None


def test_a_nightly_round_is_due_once_after_its_hour_however_many_were_missed() -> None:
    assert due(NIGHTLY, LONG_AGO, 0, NOW) == "nightly"
    assert due(NIGHTLY, NOW - timedelta(minutes=5), 0, NOW) is None
    assert due(NIGHTLY, NOW - timedelta(hours=7), 0, NOW) == "nightly"
    assert next_slot(NIGHTLY, NOW) == datetime(2026, 11, 30, 2, tzinfo=UTC)
    assert latest_slot(NIGHTLY, NOW.replace(hour=1)) == datetime(2026, 11, 28, 2, tzinfo=UTC)


def test_a_weekly_round_keeps_to_its_day() -> None:
    assert latest_slot(WEEKLY, NOW) == datetime(2026, 11, 26, 2, tzinfo=UTC)
    assert due(WEEKLY, datetime(2026, 11, 26, 3, tzinfo=UTC), 0, NOW) is None
    assert due(WEEKLY, datetime(2026, 11, 25, 3, tzinfo=UTC), 0, NOW) == "weekly"
    thursday = datetime(2026, 11, 26, 1, tzinfo=UTC)
    assert latest_slot(WEEKLY, thursday) == datetime(2026, 11, 19, 2, tzinfo=UTC)


def test_an_hour_before_it_was_chosen_was_not_missed() -> None:
    chosen = Schedule(when="nightly", hour=2, since=NOW.isoformat())
    assert due(chosen, None, 0, NOW + timedelta(hours=1)) is None
    assert due(chosen, None, 0, NOW + timedelta(hours=20)) == "nightly"


def test_reviewed_conversations_make_one_due_beside_the_clock() -> None:
    chosen = Schedule(after_reviewed=200)
    assert due(chosen, NOW, 199, NOW) is None
    assert due(chosen, NOW, 200, NOW) == "200 conversations reviewed"


def test_it_is_kept_as_a_row() -> None:
    assert Schedule.of(WEEKLY.told()) == WEEKLY
    assert Schedule.of(None) == Schedule()
