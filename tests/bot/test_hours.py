"""Business hours: whether somebody is there, and the sentence while nobody is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.hours import DAYS, Hours

WEEK = {day: ["09:00-12:30", "13:30-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")}
BERLIN = Hours.of({"zone": "Europe/Berlin", "week": WEEK, "closed_on": ["2026-12-25"]})


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "when"),
    [
        ("2026-11-30T08:00", None),  # Monday, nine in Berlin
        ("2026-11-30T07:59", "today from 9:00"),
        ("2026-11-30T11:29", None),
        ("2026-11-30T11:30", "today from 13:30"),
        ("2026-11-30T16:00", "tomorrow from 9:00"),
        ("2026-11-27T16:00", "on Monday from 9:00"),
        ("2026-11-28T23:30", "tomorrow from 9:00"),  # in Berlin it is Sunday already
        ("2026-12-24T17:00", "on Monday from 9:00"),  # closed on Friday, the 25th
        ("2026-07-06T07:00", None),  # summer time
        ("2026-07-06T06:59", "today from 9:00"),
    ],
)
def test_the_sentence_says_when_somebody_is_there_again(now: str, when: str | None) -> None:
    away = BERLIN.away(at(now))
    expected = when and f"We are closed at the moment. A colleague will answer {when} (Berlin time)."
    assert (away and away.text) == expected


def test_a_day_that_is_far_off_is_named_with_its_date() -> None:
    days = [f"2026-12-{day}" for day in range(14, 32)]
    shut = Hours.of({"zone": "Europe/Berlin", "week": WEEK, "closed_on": days})
    away = shut.away(at("2026-12-11T17:00"))
    assert away is not None and "on Friday, 1 January, from 9:00" in away.text


def test_a_key_holds_until_we_open_or_the_words_change() -> None:
    friday, later, sunday, next_friday = (
        BERLIN.away(at(now))
        for now in ("2026-11-27T18:00", "2026-11-27T19:00", "2026-11-29T12:00", "2026-12-04T18:00")
    )
    assert friday and later and sunday and next_friday
    assert friday.key == later.key
    assert len({friday.key, sunday.key, next_friday.key}) == 3
    assert friday.text == next_friday.text


def test_hours_may_go_on_past_midnight() -> None:
    night = Hours.of({"zone": "UTC", "week": {"fri": ["22:00-24:00"], "sat": ["00:00-02:00"]}})
    assert night.away(at("2026-11-27T23:59")) is None
    assert night.away(at("2026-11-28T01:59")) is None
    away = night.away(at("2026-11-28T02:00"))
    assert away is not None and "on Friday from 22:00 (UTC)" in away.text
    assert night.example(at("2026-11-27T23:00")) == away.text


def test_somebody_who_is_always_there_has_no_sentence() -> None:
    week = {day: ["00:00-24:00"] for day in DAYS}
    always = Hours.of({"zone": "UTC", "week": week})
    assert always.away(at("2026-11-28T02:00")) is None


def test_the_sentence_can_be_the_shops_own() -> None:
    own = Hours.of({"zone": "UTC", "week": {"mon": ["09:00-10:00"]}, "sentence": "Back {when}, promised."})
    away = own.away(at("2026-11-30T08:00"))
    assert away is not None and away.text == "Back today from 9:00 (UTC), promised."
