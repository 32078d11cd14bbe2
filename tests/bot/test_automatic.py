"""When replies begin to go out alone and when they stop, on a real ledger."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot import automatic
from bot.casefile import FLOORS_KEY
from bot.conversation import Conversation
from bot.messages import PolicyMode
from bot.policy import OFFER, Policy
from storage import audit, reviews, settings_store
from storage.database import Transaction
from storage.errors import Conflict, NotFound
from storage.records import AuditEntry, AutomaticReview, Suggestion
from tests.bot.house import House
from tests.bot.reviewed import TEXT, all_good, reviewed
from tests.fakes import FakeBrain, draft, reading

VERSION = "fake-1"


async def choose(
    house: House, mode: PolicyMode, tolerated: int | None = 5, version: str | None = VERSION
) -> None:
    """As the admin's page does."""
    await house.db.write(lambda tx: automatic.choose(tx, house.agent, mode, tolerated, version))


async def standing(house: House, version: str = VERSION) -> automatic.Standing:
    async with house.db.read() as tx:
        return await automatic.standing(tx, Policy(), version)


async def log(house: House) -> list[AuditEntry]:
    async with house.db.read() as tx:
        return await audit.entries(tx)


async def waiting(house: House) -> list[AutomaticReview]:
    async with house.db.read() as tx:
        return await reviews.waiting(tx, VERSION, limit=10)


async def asks(house: House, score: float, text: str = "where is my order") -> None:
    """A customer writes, and the best draft has this score."""
    house.brain.readings.append(reading(text))
    house.brain.answers.append([draft(TEXT, score=score)])
    await house.says(text)
    await house.work()


async def agent_writes_their_own(house: House) -> None:
    current = await house.current()
    await house.conversation.reply(
        current.id, house.agent, "No, quite different.", f"a-{next(house.numbers)}"
    )


def sampling(house: House, share: float) -> None:
    """Put this share of what goes out alone before a person."""
    policy = replace(house.conversation.policy, review_share=share)
    house.conversation = Conversation(house.db, house.serving, policy, house.live)


async def test_it_does_not_begin_with_too_few_reviewed_drafts_and_says_how_many_are_missing(
    house: House,
) -> None:
    await reviewed(house.db, house.agent.id, all_good(18))
    with pytest.raises(Conflict, match="41 more reviewed suggestions are needed"):
        await choose(house, "automatic")
    with pytest.raises(Conflict, match="Choose first"):
        await choose(house, "automatic", None)
    with pytest.raises(Conflict, match="loading"):
        await choose(house, "automatic", 5, None)
    now = await standing(house)
    assert (now.mode, now.tolerated, now.state) == ("draft", None, "off")
    assert await log(house) == []


async def test_with_enough_of_them_sure_drafts_go_out_alone_and_others_wait(house: House) -> None:
    await reviewed(house.db, house.agent.id, all_good(59, 0.8))
    await choose(house, "automatic")
    now = await standing(house)
    assert (now.state, now.floor, now.why) == ("on", 0.8, "")
    await asks(house, 0.79)
    assert await house.texts("bot") == []
    await asks(house, 0.8)
    assert await house.texts("bot") == [TEXT + OFFER]
    (entry,) = await log(house)
    assert (entry.action, entry.details) == ("policy_set", {"mode": "automatic", "tolerated_percent": 5})


async def test_a_rate_that_was_chosen_since_has_no_floor_yet(house: House) -> None:
    await reviewed(house.db, house.agent.id, all_good(59, 0.8))
    await choose(house, "automatic")
    await choose(house, "draft", 2)
    assert (await standing(house)).state == "off"
    with pytest.raises(Conflict, match="90 more"):
        await choose(house, "automatic", 2)
    await choose(house, "automatic", 10)
    assert (await standing(house)).state == "on"


async def test_a_new_version_waits_for_reviews_of_its_own_and_then_begins(house: House) -> None:
    await reviewed(house.db, house.agent.id, all_good(59, 0.8))
    await choose(house, "automatic")
    house.serving.brain = house.brain = FakeBrain("fake-2")
    await asks(house, 0.99)
    shown = await house.suggestion()
    assert shown is not None and "no error rate is known" in shown.why
    now = await standing(house, "fake-2")
    assert now.state == "waiting" and "59 more reviewed suggestions" in now.why
    await agent_sends(house, shown)
    await reviewed(house.db, house.agent.id, all_good(58, 0.9), "fake-2")
    await next_reviewed(house)  # the 60th: ten later it is looked at
    assert (await standing(house, "fake-2")).state == "on"
    (begun, _) = await log(house)
    assert (begun.action, begun.actor_id, begun.subject) == ("automatic_begun", None, "model:fake-2")
    told = [event for event in await house.heard(house.console) if event["type"] == "automatic"]
    assert [(event["version"], event["on"]) for event in told] == [("fake-2", True)]


async def agent_sends(house: House, shown: Suggestion) -> None:
    await house.conversation.reply(
        shown.conversation_id,
        house.agent,
        shown.candidates[0].text,
        f"a-{next(house.numbers)}",
        suggestion_id=shown.id,
        position=0,
    )


async def next_reviewed(house: House) -> None:
    """One more message whose draft an agent sends."""
    await asks(house, 0.95)
    shown = await house.suggestion()
    assert shown is not None
    await agent_sends(house, shown)


async def test_a_reviewed_draft_that_breaks_the_bound_stops_it_and_says_why(house: House) -> None:
    await reviewed(house.db, house.agent.id, all_good(59, 0.8))
    await choose(house, "automatic")
    await house.conversation.take_over((await house.says("hello there")).conversation.id, house.agent)
    await asks(house, 0.9)
    assert await house.texts("bot") == []
    await agent_writes_their_own(house)
    now = await standing(house)
    assert (now.mode, now.state, now.floor) == ("automatic", "stopped", None)
    assert now.why.startswith("Of 60 reviewed replies that score 0.80 or more, 1 was wrong.")
    assert "7.7%" in now.why
    stopped = (await log(house))[0]
    assert (stopped.action, stopped.actor, stopped.details["why"]) == (
        "automatic_stopped",
        "Deskhand",
        now.why,
    )
    (told,) = [event for event in await house.heard(house.console) if event["type"] == "automatic"]
    assert (told["on"], told["why"]) == (False, now.why)


async def test_what_has_stopped_sends_nothing_until_an_admin_begins_anew(house: House) -> None:
    await reviewed(house.db, house.agent.id, all_good(59, 0.8))
    await choose(house, "automatic")
    kept = {VERSION: {"tolerated": 5, "floor": None, "why": "because", "at": "2026-01-01"}}
    await house.db.write(lambda tx: settings_store.put_setting(tx, FLOORS_KEY, kept))
    await asks(house, 0.99)
    assert await house.texts("bot") == []
    shown = await house.suggestion()
    assert shown is not None
    await agent_sends(house, shown)
    assert (await standing(house)).state == "stopped"
    await choose(house, "automatic")
    assert (await standing(house)).state == "on"


async def test_a_draft_below_the_floor_stops_nothing(house: House) -> None:
    await reviewed(house.db, house.agent.id, all_good(59, 0.8))
    await choose(house, "automatic")
    await asks(house, 0.5)
    await agent_writes_their_own(house)
    assert (await standing(house)).state == "on"


async def test_a_sampled_reply_that_is_judged_wrong_stops_it_and_a_right_one_does_not(house: House) -> None:
    await reviewed(house.db, house.agent.id, all_good(59, 0.8))
    await choose(house, "automatic")
    sampling(house, 1.0)
    for text in ("where is my order", "and the other one?"):
        await asks(house, 0.9, text)
    first, second = await waiting(house)
    assert first.message.text == TEXT + OFFER and first.score == 0.9
    await house.conversation.judge(first.suggestion_id, "right", house.agent)
    assert (await standing(house)).state == "on"
    await house.conversation.judge(second.suggestion_id, "wrong", house.agent)
    now = await standing(house)
    assert now.state == "stopped" and "Of 61 reviewed replies" in now.why
    assert [entry.action for entry in await log(house)][:3] == [
        "automatic_stopped",
        "automatic_reviewed",
        "automatic_reviewed",
    ]
    with pytest.raises(NotFound):
        await house.conversation.judge(house.agent.id, "right", house.agent)


async def test_without_a_sample_nobody_is_asked(house: House) -> None:
    await house.set_policy("automatic", 0.5)
    sampling(house, 0.0)
    await asks(house, 0.9)
    assert len(await house.texts("bot")) == 1
    assert await waiting(house) == []


async def test_a_stop_while_a_reply_is_drafted_keeps_it_back(house: House) -> None:
    await house.set_policy("automatic", 0.5)
    await house.says("where is my order")
    item = await house.claim()
    assert item is not None

    drafting = house.conversation._draft

    async def drafts(*given: Any) -> Any:
        made = await drafting(*given)
        await house.set_policy("automatic", None)
        return made

    house.conversation._draft = drafts  # type: ignore[method-assign]
    await house.conversation.respond(item)
    assert await house.texts("bot") == []
    shown = await house.suggestion()
    assert shown is not None and "meanwhile" in shown.why


async def test_only_so_many_versions_are_remembered(house: House) -> None:
    async def keep(tx: Transaction) -> None:
        for number in range(automatic.VERSIONS_KEPT + 5):
            await automatic._keep(tx, f"v{number}", 5, 0.5, "")

    await house.db.write(keep)
    async with house.db.read() as tx:
        kept = await settings_store.get_setting(tx, FLOORS_KEY)
    assert list(kept) == [f"v{number}" for number in range(5, automatic.VERSIONS_KEPT + 5)]
