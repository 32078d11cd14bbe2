"""The shop's own rules for admins: business hours, sensitive intents, languages, anger; by channel.

In force from the next message on. Every change is written to the audit log in the transaction that makes
it. Knows how rules are checked; nothing of what they decide.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from aiohttp import web
from pydantic import Field

from bot import rules
from bot.api import errors, shapes_rules
from bot.api.callers import ADMINS
from bot.api.routing import Body, Call, NoBody, NoQuery, Routes, SafeStr, answer
from bot.api.services import Services, services
from bot.api.signin import note
from bot.hours import DAYS, SENTENCE
from bot.models import known_intents
from bot.policy import Policy
from storage import named_intents
from storage.database import Transaction

routes = Routes()

_SPAN = re.compile(r"([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)")
Spans = Annotated[tuple[Annotated[SafeStr, Field(max_length=11)], ...], Field(max_length=8)]
Names = Annotated[tuple[Annotated[SafeStr, Field(min_length=1, max_length=60)], ...], Field(max_length=200)]


class NewWeek(Body):
    """Spans of each day, such as "09:00-17:30"; none where it is closed."""

    mon: Spans = ()
    tue: Spans = ()
    wed: Spans = ()
    thu: Spans = ()
    fri: Spans = ()
    sat: Spans = ()
    sun: Spans = ()


class NewHours(Body):
    """When somebody is there, in the time of a zone such as Europe/London."""

    zone: Annotated[SafeStr, Field(min_length=1, max_length=60)]
    week: NewWeek
    closed_on: Annotated[tuple[date, ...], Field(max_length=200)] = ()
    sentence: Annotated[SafeStr, Field(max_length=500)] | None = None


class NewRules(Body):
    """All rules of a channel; null for one that it does not have of its own."""

    channel: Literal["default", "web", "slack"]
    hours: NewHours | Literal["always"] | None
    sensitive: Names | None
    languages: Annotated[Names, Field(min_length=1)] | None
    anger: Literal["never", "very", "upset"] | None


@routes.route(
    "GET",
    "/api/admin/rules",
    access=ADMINS,
    summary="The shop's own rules",
    responses={200: shapes_rules.Rules},
)
async def read_rules(call: Call[NoBody, NoQuery]) -> web.StreamResponse:
    """Of all channels and of each, with what they can be made of."""
    return answer(await _view(services(call.request)))


@routes.route(
    "PUT",
    "/api/admin/rules",
    access=ADMINS,
    summary="Set the rules of a channel",
    body=NewRules,
    responses={200: shapes_rules.Rules},
)
async def set_rules(call: Call[NewRules, NoQuery]) -> web.StreamResponse:
    """All of them at once, in force from the next message on; 422 names each that can't be kept."""
    desk, given = services(call.request), call.body
    intents, languages = await _known(desk)
    async with desk.db.read() as tx:
        kept = (await rules.stored(tx)).get(given.channel, {})
    wrong = [*_wrong_hours(given.hours), *_unknown("sensitive", given.sensitive, {*intents, *_had(kept)})]
    wrong += _unknown("languages", given.languages, set(languages))
    if wrong:
        said = tuple({"pointer": pointer, "detail": detail} for pointer, detail in wrong)
        raise errors.Invalid(wrong[0][1], errors=said)
    new = _to_store(given)

    async def work(tx: Transaction) -> None:
        changed = await rules.put(tx, given.channel, new)
        if changed:
            detail = {name: _told(new[name]) for name in changed}
            await note(tx, call.account, "rules_set", f"rules:{given.channel}", **detail)

    await desk.db.write(work)
    return answer(await _view(desk))


def _had(kept: Mapping[str, Any]) -> list[str]:
    """Intents that are kept already: one that has lost its name since is no error."""
    had: list[str] = kept.get("sensitive") or []
    return had


def _to_store(given: NewRules) -> dict[str, Any]:
    stored = given.model_dump(mode="json", exclude={"channel"})
    for name in ("sensitive", "languages"):
        if stored[name] is not None:
            stored[name] = sorted(set(stored[name]))
    if isinstance(given.hours, NewHours):
        stored["hours"]["closed_on"] = sorted(set(stored["hours"]["closed_on"]))
        stored["hours"]["sentence"] = (given.hours.sentence or "").strip() or None
    return stored


def _told(rule: Any) -> str:
    """A rule for the audit log."""
    if rule is None:
        return "as everywhere"
    if isinstance(rule, str):
        return rule
    if isinstance(rule, Mapping):
        days = [f"{day.title()} {' '.join(rule['week'][day])}" for day in DAYS if rule["week"][day]]
        closed = [f"closed on {' '.join(rule['closed_on'])}"] if rule["closed_on"] else []
        return ", ".join([rule["zone"], *days, *closed])
    return ", ".join(rule) or "none"


def _wrong_hours(hours: NewHours | str | None) -> Iterator[tuple[str, str]]:
    """What can't be kept, as pointer and sentence."""
    if not isinstance(hours, NewHours):
        return
    if not _is_zone(hours.zone):
        yield "/hours/zone", "There is no such time zone. Write one such as Europe/London."
    for day in DAYS:
        spans: Sequence[str] = getattr(hours.week, day)
        if not all(_SPAN.fullmatch(span) for span in spans):
            yield (
                f"/hours/week/{day}",
                "Write hours as 09:00-17:30, several with commas between.",
            )
        elif not _in_order(spans):
            yield f"/hours/week/{day}", "Each span must end after it begins, and begin after the one before."
    if not any(getattr(hours.week, day) for day in DAYS):
        yield "/hours/week", "Open on at least one day, or choose that somebody is always there."
    sentence = (hours.sentence or "").strip()
    if sentence and sentence.count("{when}") != 1:
        yield "/hours/sentence", "Put {when} once where the day and time belong, as in: we answer {when}."


def _in_order(spans: Sequence[str]) -> bool:
    """Is each time later than the one before? A span may begin where another ends."""
    times = [time for span in spans for time in span.split("-")]
    pairs = enumerate(pairwise(times))
    return all(before <= after if gap % 2 else before < after for gap, (before, after) in pairs)


def _is_zone(name: str) -> bool:
    try:
        return ZoneInfo(name).key == name
    except (ValueError, OSError, KeyError):
        return False


def _unknown(field: str, names: Sequence[str] | None, known: set[str]) -> Iterator[tuple[str, str]]:
    sentence = {"sensitive": "There is no such intent.", "languages": "This language is not known here."}
    for at, name in enumerate(names or ()):
        if name not in known:
            yield f"/{field}/{at}", sentence[field]


async def _known(desk: Services) -> tuple[list[str], list[str]]:
    """Intents and languages that there are."""
    shipped, languages = await asyncio.to_thread(_of_models, desk)
    async with desk.db.read() as tx:
        named = [one.name for one in await named_intents.list_named_intents(tx)]
    return sorted({*shipped, *named} - {"out_of_scope"}), languages


def _of_models(desk: Services) -> tuple[list[str], list[str]]:
    from nlp.language import KNOWN

    return known_intents(desk.settings), sorted(KNOWN)


async def _view(desk: Services) -> dict[str, Any]:
    intents, languages = await _known(desk)
    default = desk.conversations.policy
    async with desk.db.read() as tx:
        kept = await rules.stored(tx)
    return {
        "channels": [_channel(default, kept, channel) for channel in rules.CHANNELS],
        "shipped": {
            "sensitive": sorted(default.sensitive),
            "languages": sorted(default.served),
            "anger": default.anger,
            "sentence": SENTENCE,
        },
        "intents": intents,
        "languages": languages,
    }


def _channel(default: Policy, kept: Mapping[str, rules.Rules], channel: str) -> dict[str, Any]:
    own, now = kept.get(channel, {}), datetime.now(UTC)
    hours = rules.applied(default, {**kept.get(rules.EVERYWHERE, {}), **own}).hours
    return {
        "channel": channel,
        **{name: own.get(name) for name in rules.NAMES},
        "example": None if hours is None else hours.example(now),
        "open": hours is None or hours.away(now) is None,
    }
