"""Which moments versions are compared at: a person's answers, one a conversation, unread ones first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from bot.moments import Moment, moments
from nlp.forgetting import digest
from nlp.types import Turn
from storage import conversations
from storage.database import Database
from tests.bot.house import House


async def imported(db: Database, name: str, turns: Sequence[tuple[str, str]], **meta: Any) -> UUID:
    said = [(role, text, None) for role, text in turns]
    made = await db.write(
        lambda tx: conversations.import_conversation(tx, external_id=name, turns=said, meta=meta)
    )
    return made.conversation.id


def asked(number: int) -> list[tuple[str, str]]:
    return [("customer", f"Where is parcel {number}?"), ("agent", f"Parcel {number} comes tomorrow.")]


async def found(
    house: House, read: dict[str, frozenset[str]] | None = None, skip: int = 0, count: int = 10
) -> tuple[list[Moment], bool]:
    return await moments(house.db, read or {}, digest, skip=skip, count=count)


async def test_the_newest_conversations_come_first_and_go_on_where_asked(house: House) -> None:
    ids = [await imported(house.db, f"c{number}", asked(number)) for number in range(5)]
    first, more = await found(house, count=3)
    assert [one.conversation_id for one in first] == ids[:1:-1] and more
    rest, more = await found(house, skip=3, count=3)
    assert [one.conversation_id for one in rest] == ids[1::-1] and not more
    assert first[0].turns == (Turn("customer", "Where is parcel 4?"),)
    assert first[0].reply == "Parcel 4 comes tomorrow." and first[0].customer_name == ""
    assert await found(house, skip=5) == ([], False)


async def test_what_a_version_has_read_comes_last_and_is_marked(house: House) -> None:
    ids = [await imported(house.db, f"c{number}", asked(number)) for number in range(4)]
    told = digest([Turn("customer", "Where is parcel 2?"), Turn("agent", "Parcel 2 comes tomorrow.")])
    read = {"left": frozenset([str(ids[3])]), "right": frozenset([told, str(ids[3])])}
    ordered, _ = await found(house, read)
    assert [(one.conversation_id, one.read_by) for one in ordered] == [
        (ids[1], ()),
        (ids[0], ()),
        (ids[3], ("left", "right")),
        (ids[2], ("right",)),
    ]


async def test_a_conversation_gives_one_moment_with_all_before_it(house: House) -> None:
    turns = [*asked(1), *asked(2), ("agent", "Anything else?"), *asked(3)]
    await imported(house.db, "long", turns, customer_name="Ada Lindqvist")
    (one,), _ = await found(house)
    at = [text for _, text in turns].index(one.reply)
    assert at in (1, 3, 6), "a second reply in a row answers nothing"
    assert [turn.text for turn in one.turns] == [text for _, text in turns[:at]]
    assert one.customer_name == "Ada Lindqvist"


async def test_what_no_person_wrote_and_who_declined_are_left_out(house: House) -> None:
    await imported(house.db, "no", asked(1), consent=False)
    await imported(house.db, "unanswered", asked(2)[:1])
    await imported(
        house.db, "bot", [("customer", "Hello?"), ("bot", "We are closed."), ("agent", "We are back.")]
    )
    received = await house.says("Where is my order TT-104823?")
    await house.work()
    drafted = await house.suggestion()
    assert drafted is not None
    await house.conversation.reply(
        received.conversation.id,
        house.agent,
        drafted.candidates[0].text,
        "r1",
        suggestion_id=drafted.id,
        position=0,
    )
    assert await found(house) == ([], False), "an accepted draft would judge the version that made it"
    await house.says("And my refund?")
    await house.conversation.reply(received.conversation.id, house.agent, "It is on its way.", "r2")
    (one,), _ = await found(house)
    assert one.reply == "It is on its way."
