"""One message from the door to the door, and what happens when the world changes on the way."""

from __future__ import annotations

import asyncio

import pytest

from bot.messages import Inbound
from bot.policy import COLLEAGUE, OFFER
from nlp.types import Entity
from storage import conversations, suggestions
from storage.errors import AlreadyDecided, Conflict, NotFound, StaleSuggestion
from tests.bot.house import House
from tests.fakes import draft, reading


def kinds(events: list[dict[str, object]]) -> list[object]:
    return [event["type"] for event in events]


# Receiving


async def test_a_message_is_stored_and_work_is_owed(house: House) -> None:
    received = await house.says("Where is my order TT-104823?")
    assert not received.duplicate
    assert received.message.seq == 1
    assert await house.texts("customer") == ["Where is my order TT-104823?"]
    assert await house.owed() == 1
    assert house.conversation.work_arrived.is_set()


async def test_a_repeat_is_acknowledged_alike_and_makes_no_work(house: House) -> None:
    first = await house.says("hello", "one")
    again = await house.says("hello", "one")
    assert again.duplicate
    assert again.message == first.message
    assert await house.owed() == 1
    assert kinds(await house.heard(house.widget)).count("message") == 1


async def test_the_same_id_with_another_text_is_a_conflict(house: House) -> None:
    await house.says("hello", "one")
    with pytest.raises(Conflict):
        await house.says("goodbye", "one")


async def test_many_messages_at_once_get_seqs_without_gaps(house: House) -> None:
    await asyncio.gather(*(house.says(f"message {n}", f"m-{n}") for n in range(50) for _ in range(2)))
    assert [message.seq for message in await house.messages()] == list(range(1, 51))
    assert await house.owed() == 50


# Responding


async def test_drafts_are_put_before_an_agent(house: House) -> None:
    received = await house.says("Where is my order TT-104823?")
    await house.work()
    shown = await house.suggestion()
    assert shown is not None
    assert shown.message_id == received.message.id
    assert shown.model_version == "fake-1"
    assert (shown.mode, shown.decision) == ("draft", "suggest")
    assert [candidate.position for candidate in shown.candidates] == [0, 1, 2]
    assert "TT-104823" in shown.candidates[0].text
    assert await house.texts("bot") == []
    assert await house.owed() == 0


async def test_agents_hear_of_the_message_its_reading_and_the_drafts(house: House) -> None:
    await house.says("Where is my order TT-104823?")
    await house.work()
    events = await house.heard(house.console)
    assert [kind for kind in kinds(events) if kind != "conversation"] == [
        "message",
        "suggestions",
        "analysis",
        "suggestions",
    ]
    last = [event for event in events if event["type"] == "conversation"][-1]
    assert last["conversation"]["mood"] == "neutral"
    assert events[-1]["type"] == "conversation"


async def test_a_customer_hears_no_reading_no_draft_and_no_note(house: House) -> None:
    await house.says("I want to speak to a real person")
    await house.work()
    current = await house.current()
    await house.conversation.note(current.id, house.agent, "a regular", "n-1")
    events = await house.heard(house.widget)
    assert set(kinds(events)) == {"message", "conversation"}
    assert [event["message"]["kind"] for event in events if event["type"] == "message"] == ["customer"]


async def test_the_models_see_the_conversation_so_far_and_its_values(house: House) -> None:
    await house.says("Hi, order TT-104823 here, or was it")
    await house.says("sorry, TT-220011. And I am at ana@example.com")
    await house.work()
    request = house.brain.requests[-1]
    assert [turn.role for turn in request.turns] == ["customer", "customer"]
    assert request.values == {"order_id": "TT-220011", "email": "ana@example.com"}


async def test_what_was_asked_for_is_not_forgotten_with_the_next_message(house: House) -> None:
    house.brain.readings.extend(
        [
            reading(intent="refund_status"),
            reading(intent="out_of_scope"),
            reading(intent="greeting", intent_score=0.2),
        ]
    )
    for text in ("Where is my refund?", "TT-104823", "ok"):
        await house.says(text)
        await house.work()
    assert house.brain.requests[0].asked_for == ("refund_status",)
    assert [one.name for one in house.brain.requests[-1].earlier] == ["refund_status", "out_of_scope"]
    assert house.brain.requests[-1].asked_for == ("refund_status",)


async def test_agents_words_give_no_values_and_automatic_offers_are_hidden(house: House) -> None:
    await house.set_policy("automatic", 0.5)
    await house.says("where is it")
    await house.work()
    await house.says("my parcel I mean")
    await house.work()
    turns = house.brain.requests[-1].turns
    assert [turn.role for turn in turns] == ["customer", "agent", "customer"]
    assert OFFER not in turns[1].text


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("Hi, my name is Priya Patel and I wait", "Priya Patel", "Priya Patel"),
        ("Priya Patel", "Priya Patel", "Priya Patel"),
        ("I'm Ana, where is my parcel", "Ana", "Ana"),
        ("it never came! thanks, Ana", "Ana", "Ana"),
        ("I spoke to Maria yesterday", "Maria", None),
        ("Maria promised to ring me back", "Maria", None),
    ],
)
async def test_only_who_introduces_themselves_is_the_customer(
    house: House, text: str, name: str, expected: str | None
) -> None:
    start = text.index(name)
    person = Entity("person", name, start, start + len(name), name, 0.9, "tagger")
    house.brain.readings.append(reading(text, entities=[person]))
    await house.says(text)
    await house.work()
    assert house.brain.requests[-1].values.get("customer_name") == expected


async def test_card_numbers_are_never_offered_to_a_reply(house: House) -> None:
    text = "4111 1111 1111 1111"
    card = Entity("card", text, 0, len(text), text, 0.99, "recogniser")
    house.brain.readings.append(reading(text, entities=[card]))
    await house.says(text)
    await house.work()
    assert house.brain.requests[-1].values == {}


async def test_work_of_an_erased_customer_is_dropped(house: House) -> None:
    await house.says("forget me")
    item = await house.claim()
    assert item is not None
    await house.db.write(lambda tx: conversations.erase_customer(tx, house.customer.id))
    await house.conversation.respond(item)
    assert await house.owed() == 0


async def test_off_mode_reads_but_does_not_draft(house: House) -> None:
    await house.set_policy("off")
    await house.says("where is my order")
    await house.work()
    assert house.brain.understood == ["where is my order"]
    assert house.brain.requests == []
    assert await house.suggestion() is None


async def test_no_good_draft_leaves_nothing_open(house: House) -> None:
    house.brain.answers.append([])
    await house.says("where is my order")
    await house.work()
    assert await house.suggestion() is None
    assert await house.owed() == 0


# Running twice


async def test_a_second_run_of_the_same_work_stores_nothing(house: House) -> None:
    await house.set_policy("automatic", 0.5)
    await house.says("where is my order")
    item = await house.claim()
    assert item is not None
    await asyncio.gather(house.conversation.respond(item), house.conversation.respond(item))
    await house.conversation.respond(item)
    assert len(await house.texts("bot")) == 1


async def test_a_reading_from_an_earlier_try_is_used_again(house: House) -> None:
    await house.says("where is my order TT-104823")
    item = await house.claim()
    assert item is not None
    house.brain.answers.append(RuntimeError("out of memory"))
    with pytest.raises(RuntimeError):
        await house.conversation.respond(item)
    await house.conversation.respond(item)
    assert len(house.brain.understood) == 1
    assert house.brain.requests[-1].values == {"order_id": "TT-104823"}
    assert await house.suggestion() is not None


# Stale drafts


async def test_a_newer_message_makes_open_drafts_stale(house: House) -> None:
    await house.says("where is my order")
    await house.work()
    shown = await house.suggestion()
    assert shown is not None
    await house.says("forget it, how do I return it?")
    assert await house.suggestion() is None
    with pytest.raises(StaleSuggestion):
        await house.conversation.reply(
            shown.conversation_id, house.agent, "It is near.", "a-1", suggestion_id=shown.id, position=0
        )
    assert await house.texts("agent") == []


async def test_a_message_that_was_overtaken_is_read_but_not_drafted_for(house: House) -> None:
    await house.says("where is my order")
    await house.says("TT-104823")
    await house.work()
    assert house.brain.understood == ["where is my order", "TT-104823"]
    assert [request.turns[-1].text for request in house.brain.requests] == ["TT-104823"]
    shown = await house.suggestion()
    assert shown is not None
    assert shown.based_on_seq == 2


async def test_drafts_that_the_customer_overtook_while_they_were_made_are_not_sent(house: House) -> None:
    await house.set_policy("automatic", 0.5)
    await house.says("where is my order")
    item = await house.claim()
    assert item is not None
    house.brain.delay = 0.1
    responding = asyncio.create_task(house.conversation.respond(item))
    await asyncio.sleep(0.15)
    await house.says("no wait, cancel it")
    await responding
    assert await house.texts("bot") == []
    assert await house.suggestion() is None
    await house.work()
    assert len(await house.texts("bot")) == 1


# Handing off


async def test_asking_for_a_person_hands_off_and_still_drafts_for_the_agent(house: House) -> None:
    await house.says("Let me talk to a human please")
    await house.work()
    current = await house.current()
    assert (current.owner, current.handoff_reason) == ("person", "asked_for_person")
    assert await house.texts("activity") == ["Handed to a person: asked for person"]
    assert await house.texts("bot") == []
    shown = await house.suggestion()
    assert shown is not None
    assert (shown.decision, shown.why) == ("hand_off", "asked_for_person")


async def test_in_automatic_mode_the_customer_is_told_of_a_colleague(house: House) -> None:
    await house.set_policy("automatic", 0.5)
    await house.says("Let me talk to a human please")
    await house.work()
    assert await house.texts("bot") == [COLLEAGUE]
    await house.says("hello?")
    await house.work()
    assert await house.texts("bot") == [COLLEAGUE]
    assert await house.suggestion() is not None


async def test_a_hand_off_that_crashed_half_way_is_not_announced_twice(house: House) -> None:
    await house.set_policy("automatic", 0.5)
    await house.says("Let me talk to a human please")
    item = await house.claim()
    assert item is not None
    house.brain.answers.append(RuntimeError("out of memory"))
    with pytest.raises(RuntimeError):
        await house.conversation.respond(item)
    await house.conversation.respond(item)
    assert await house.texts("bot") == [COLLEAGUE]
    assert len(await house.texts("activity")) == 1


async def test_an_unknown_language_goes_to_a_person_without_drafts(house: House) -> None:
    house.brain.readings.append(reading(language="pl"))
    await house.says("Gdzie jest moja paczka?")
    await house.work()
    assert (await house.current()).handoff_reason == "unknown_language"
    assert house.brain.requests == []
    assert await house.suggestion() is None


async def test_asking_a_fourth_time_brings_a_person(house: House) -> None:
    await house.set_policy("automatic", 0.5)
    for _ in range(4):
        await house.says("where is my order")
        await house.work()
    assert (await house.current()).handoff_reason == "repeated_failure"
    assert len(await house.texts("bot")) == 4
    assert (await house.texts("bot"))[-1] == COLLEAGUE


async def test_the_second_angry_message_in_a_row_brings_a_person(house: House) -> None:
    for text in ("where is it", "still nothing"):
        house.brain.readings.append(reading(text, negative=0.95))
        await house.says(text)
        await house.work()
    assert (await house.current()).handoff_reason == "very_angry"


async def test_the_button_for_a_person_works_once_and_without_a_conversation(house: House) -> None:
    assert not await house.conversation.ask_for_person(house.customer.id)
    await house.says("hello")
    await house.work()
    assert await house.conversation.ask_for_person(house.customer.id)
    assert await house.conversation.ask_for_person(house.customer.id)
    assert len(await house.texts("activity")) == 1
    assert (await house.current()).owner == "person"


# Answering alone


async def test_a_sure_draft_goes_out_marked_and_offers_a_person(house: House) -> None:
    await house.set_policy("automatic", 0.7)
    house.brain.answers.append([draft("It is on its way.", score=0.9), draft("Let me see.", score=0.4)])
    await house.says("where is my order")
    await house.work()
    bot = [message for message in await house.messages() if message.kind == "bot"]
    assert [message.text for message in bot] == ["It is on its way." + OFFER]
    assert bot[0].automatic
    assert bot[0].delivery == "pending"
    assert house.conversation.delivery_due.is_set()
    assert await house.suggestion() is None
    async with house.db.read() as tx:
        assert await suggestions.counts(tx) == {"accepted": 1, "ignored": 1}


async def test_a_doubtful_draft_waits_for_an_agent(house: House) -> None:
    await house.set_policy("automatic", 0.95)
    await house.says("where is my order")
    await house.work()
    assert await house.texts("bot") == []
    assert await house.suggestion() is not None


async def test_automatic_without_a_measured_floor_only_drafts(house: House) -> None:
    await house.set_policy("automatic")
    await house.says("where is my order")
    await house.work()
    assert await house.texts("bot") == []
    assert await house.suggestion() is not None


async def test_the_bot_is_silent_once_a_person_has_taken_over(house: House) -> None:
    await house.set_policy("automatic", 0.1)
    received = await house.says("where is my order")
    await house.conversation.take_over(received.conversation.id, house.agent)
    await house.work()
    await house.says("and my refund?")
    await house.work()
    assert await house.texts("bot") == []
    assert await house.suggestion() is not None


async def test_a_person_who_answers_meanwhile_is_not_talked_over(house: House) -> None:
    await house.set_policy("automatic", 0.1)
    received = await house.says("where is my order")
    item = await house.claim()
    assert item is not None
    house.brain.delay = 0.1
    responding = asyncio.create_task(house.conversation.respond(item))
    await asyncio.sleep(0.15)
    await house.conversation.reply(received.conversation.id, house.agent, "On its way!", "a-1")
    await responding
    assert await house.texts("bot") == []
    assert await house.suggestion() is None
    async with house.db.read() as tx:
        assert await suggestions.counts(tx) == {"stale": 3}


async def test_a_hand_off_that_a_person_forestalled_says_nothing(house: House) -> None:
    await house.set_policy("automatic", 0.1)
    received = await house.says("Let me talk to a human please")
    item = await house.claim()
    assert item is not None
    house.brain.delay = 0.1
    responding = asyncio.create_task(house.conversation.respond(item))
    await asyncio.sleep(0.05)
    await house.conversation.take_over(received.conversation.id, house.agent)
    await responding
    assert await house.texts("bot") == []
    assert await house.texts("activity") == []
    assert await house.suggestion() is not None


# Giving up


async def test_giving_up_keeps_the_message_and_shows_no_drafts(house: House) -> None:
    await house.says("where is my order")
    item = await house.claim()
    assert item is not None
    await house.conversation.give_up(item, "the models failed")
    assert await house.texts("customer") == ["where is my order"]
    assert await house.suggestion() is None
    assert await house.owed() == 0


# What agents do


async def test_sending_a_draft_decides_it_and_owes_the_message(house: House) -> None:
    await house.says("where is my order")
    await house.work()
    shown = await house.suggestion()
    assert shown is not None
    text = shown.candidates[1].text
    sent = await house.conversation.reply(
        shown.conversation_id, house.agent, text, "a-1", suggestion_id=shown.id, position=1
    )
    assert sent.message.author_name == "Moira"
    assert sent.conversation.owner == "person"
    async with house.db.read() as tx:
        decided = await suggestions.suggestion(tx, shown.id)
    assert [candidate.outcome for candidate in decided.candidates] == ["ignored", "accepted", "ignored"]


async def test_a_repeated_reply_is_sent_once(house: House) -> None:
    await house.says("where is my order")
    await house.work()
    shown = await house.suggestion()
    assert shown is not None
    send = [
        house.conversation.reply(
            shown.conversation_id, house.agent, "Soon.", "a-1", suggestion_id=shown.id, position=0
        )
        for _ in range(2)
    ]
    first, second = await asyncio.gather(*send)
    assert first.message == second.message
    assert sorted([first.duplicate, second.duplicate]) == [False, True]
    assert await house.texts("agent") == ["Soon."]


async def test_of_two_agents_who_send_one_draft_one_wins(house: House) -> None:
    await house.says("where is my order")
    await house.work()
    shown = await house.suggestion()
    assert shown is not None
    send = [
        house.conversation.reply(
            shown.conversation_id, house.agent, f"Soon {n}.", f"a-{n}", suggestion_id=shown.id, position=0
        )
        for n in range(2)
    ]
    results = await asyncio.gather(*send, return_exceptions=True)
    assert sorted(isinstance(result, AlreadyDecided) for result in results) == [False, True]
    assert len(await house.texts("agent")) == 1


async def test_an_own_text_passes_the_drafts_over(house: House) -> None:
    await house.says("where is my order")
    await house.work()
    current = await house.current()
    await house.conversation.reply(current.id, house.agent, "I'll ring you.", "a-1")
    assert await house.suggestion() is None
    async with house.db.read() as tx:
        assert await suggestions.counts(tx) == {"ignored": 3}


async def test_rejecting_all_drafts_closes_the_suggestion(house: House) -> None:
    await house.says("where is my order")
    await house.work()
    shown = await house.suggestion()
    assert shown is not None
    await house.conversation.reject(shown.id, 0, "wrong", house.agent)
    assert await house.suggestion() is not None
    await house.conversation.reject(shown.id, None, "all wrong", house.agent)
    assert await house.suggestion() is None
    events = [event for event in await house.heard(house.console) if event["type"] == "suggestions"]
    assert events[-1]["suggestion"] is None


async def test_what_the_customer_has_seen_is_told_to_agents(house: House) -> None:
    await house.says("where is my order")
    current = await house.current()
    sent = await house.conversation.reply(current.id, house.agent, "Soon.", "a-1")
    await house.conversation.seen(current.id, sent.message.seq)
    events = [event for event in await house.heard(house.console) if event["type"] == "delivery"]
    assert [(event["message_ids"], event["state"]) for event in events] == [
        ([str(sent.message.id)], "delivered")
    ]


async def test_agents_typing_reaches_the_customer_and_customers_typing_does_not_echo(house: House) -> None:
    await house.says("hello")
    current = await house.current()
    house.conversation.typing(current.id, house.customer.id, who="agent", name="Moira", on=True)
    house.conversation.typing(current.id, house.customer.id, who="customer", name="Visitor", on=True)
    widget = [event for event in await house.heard(house.widget) if event["type"] == "typing"]
    console = [event for event in await house.heard(house.console) if event["type"] == "typing"]
    assert [event["who"] for event in widget] == ["agent"]
    assert [event["who"] for event in console] == ["agent", "customer"]


async def test_slack_and_web_conversations_are_apart(house: House) -> None:
    await house.says("hello from the web")
    await house.conversation.receive(
        Inbound("slack", house.customer.id, "hello from Slack", "s-1", thread="C1:1.0")
    )
    assert await house.texts("customer") == ["hello from the web"]


async def test_a_repeated_reply_leaves_newer_drafts_on_the_consoles(house: House) -> None:
    received = await house.says("where is my order")
    await house.conversation.reply(received.conversation.id, house.agent, "Soon.", "a-1")
    await house.says("and my refund?")
    await house.work()
    again = await house.conversation.reply(received.conversation.id, house.agent, "Soon.", "a-1")
    assert again.duplicate
    events = [event for event in await house.heard(house.console) if event["type"] == "suggestions"]
    assert events[-1]["suggestion"] is not None


async def test_a_draft_of_another_conversation_can_not_be_sent(house: House) -> None:
    received = await house.says("where is my order")
    elsewhere = await house.conversation.receive(
        Inbound("slack", house.customer.id, "where is my refund", "s-1", thread="C1:1.0")
    )
    await house.work()
    shown = await house.suggestion()
    assert shown is not None
    with pytest.raises(NotFound):
        await house.conversation.reply(
            elsewhere.conversation.id, house.agent, "x", "a-1", suggestion_id=shown.id, position=0
        )
    assert (await house.suggestion()) == shown
    assert shown.conversation_id == received.conversation.id
    async with house.db.read() as tx:
        stored = await conversations.messages_after(tx, elsewhere.conversation.id, 0)
    assert [message.kind for message in stored] == ["customer"]
