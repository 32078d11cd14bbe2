"""Every conversation is kept as it was meant, or left out for a reason that a person understands."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from nlp.context import Vectors
from nlp.types import Turn
from training import cleaning
from training.cleaning import Cleaned, clean, within_shares
from training.files import Conversation

THINGS = "lamp chair table shelf mirror rug clock vase basket frame stool tray".split()
ANSWERS = (
    "The {} left our house on Tuesday and should be with you before the weekend.",
    "I am sorry about that, I have asked the carrier where your {} is at the moment.",
    "We had to order the {} again, so please give us another nine working days.",
    "There was a mistake with the label of your {}, a new one goes out this afternoon.",
)


def apart(texts: Sequence[str]) -> Vectors:
    """Every text has a direction of its own."""
    vectors = np.random.default_rng(3).normal(size=(len(texts), 384)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def conversation(number: int, *more: Turn) -> Conversation:
    thing = THINGS[number % len(THINGS)]
    asked = f"Hello, where is the {thing} that I have ordered in your shop for {THINGS[-number % 12]} fans?"
    answer = ANSWERS[number // len(THINGS)].format(thing)
    return Conversation(str(number), (Turn("customer", asked), Turn("agent", answer), *more))


def cleaned(*more: Conversation, count: int = 24) -> Cleaned:
    return clean([*map(conversation, range(count)), *more], apart)


def test_what_is_clean_comes_out_as_it_was() -> None:
    found = cleaned()
    assert found.kept == tuple(map(conversation, range(24)))
    assert (dict(found.dropped), found.repaired) == ({}, 0)
    assert found.clusters == {str(n): str(n) for n in range(24)}


@pytest.mark.parametrize(
    ("reason", "bad"),
    [
        (cleaning.UNANSWERED, Conversation("x", (Turn("customer", "hello, is anybody there?"),))),
        (cleaning.REPEATED, Conversation("x", conversation(3).turns)),
        (
            cleaning.REPEATED,
            Conversation("x", tuple(Turn(t.role, f" {t.text.upper()}\n") for t in conversation(3).turns)),
        ),
        (
            cleaning.FOREIGN,
            Conversation(
                "x",
                (
                    Turn("customer", "Wo bleibt meine Lampe, die ich letzte Woche bestellt habe?"),
                    Turn("agent", "Es tut mir leid, das Paket wird morgen früh bei Ihnen eintreffen."),
                ),
            ),
        ),
    ],
)
def test_a_conversation_is_left_out_for_a_reason(reason: str, bad: Conversation) -> None:
    found = cleaned(bad)
    assert dict(found.dropped) == {reason: 1}
    assert len(found.kept) == 24 and "x" not in found.clusters


def test_a_copy_with_another_order_number_is_a_copy() -> None:
    def long(name: str, order: str) -> Conversation:
        head = Turn("customer", f"My order number is {order} and it is late, please look it up for me.")
        return Conversation(name, (head, Turn("agent", " ".join(a.format("lamp") for a in ANSWERS))))

    found = cleaned(long("x", "TT-104823"), long("y", "TT-100017"))
    assert dict(found.dropped) == {cleaning.COPIED: 1}
    assert "x" in found.clusters and "y" not in found.clusters


@pytest.mark.parametrize(
    ("reason", "turn"),
    [
        (cleaning.EMPTY, Turn("customer", "  \n ")),
        (cleaning.BROKEN, Turn("customer", "\ufffd\ufffd\ufffd ok \ufffd")),
        (cleaning.AUTOMATIC, Turn("agent", "Automatic reply: we are closed until Monday.")),
    ],
)
def test_a_bad_message_is_left_out_and_its_conversation_stays(reason: str, turn: Turn) -> None:
    found = clean([*map(conversation, range(23)), conversation(23, turn)], apart)
    assert dict(found.dropped) == {reason: 1}
    assert found.kept[23] == conversation(23)


def test_broken_characters_are_mended_and_typography_stays() -> None:
    found = clean(
        [
            *map(conversation, range(23)),
            conversation(23, Turn("customer", "Itâ€™s the cafÃ© &amp; co"), Turn("agent", "“Fine” 好，ﬁne")),
        ],
        apart,
    )  # fmt: skip
    assert [turn.text for turn in found.kept[23].turns[2:]] == [
        "It’s the café & co",
        "“Fine” 好，ﬁne",
    ]
    assert found.repaired == 1


def test_a_signature_is_cut_and_counted() -> None:
    signed = Turn("agent", "It comes tomorrow.\n\nKind regards,\nAnna")
    found = clean([*map(conversation, range(23)), conversation(23, Turn("customer", "And?"), signed)], apart)
    assert found.kept[23].turns[-1].text == "It comes tomorrow."
    assert dict(found.dropped) == {cleaning.BOILERPLATE: 1}


def test_a_shop_that_speaks_two_languages_keeps_both() -> None:
    german = [
        Conversation(
            f"de{n}",
            (
                Turn("customer", f"Wo bleibt meine Bestellung {thing}?"),
                Turn("agent", f"Es tut mir leid, das Paket mit {thing} wird morgen bei Ihnen sein {n}."),
            ),
        )
        for n, thing in enumerate("Lampe Stuhl Tisch Regal Spiegel Teppich".split())
    ]  # fmt: skip
    found = cleaned(*german)
    assert cleaning.FOREIGN not in found.dropped and "de0" in found.clusters
    only = clean([*map(conversation, range(24)), *german], apart, languages={"en"})
    assert only.dropped[cleaning.FOREIGN] == 6


def test_nobody_gives_more_than_their_share() -> None:
    names = [str(n) for n in range(100)]
    authors = {name: (f"agent:{0 if n < 60 else n % 10}",) for n, name in enumerate(names)}
    kept = within_shares(names, authors, {"agent": 0.25})
    assert sum(name in kept for name in names[:60]) < 25
    assert all(name in kept for n, name in enumerate(names) if n >= 60 and n % 10)
    assert kept == within_shares(list(reversed(names)), authors, {"agent": 0.25})


def test_a_small_shop_keeps_what_its_two_agents_wrote() -> None:
    names = [str(n) for n in range(40)]
    assert within_shares(names, {n: (f"agent:{int(n) % 4 == 0}",) for n in names}) == frozenset(names)


def test_what_is_set_aside_has_no_twin_in_what_is_learned() -> None:
    twins = {str(n): str(n - n % 5) for n in range(60)}
    some = Cleaned(tuple(map(conversation, range(24))), {}, 0, twins)
    aside = some.aside(0.2, seed=4)
    assert len(aside) == 10 and aside == some.aside(0.2, seed=4) != some.aside(0.2, seed=5)
    assert not {twins[name] for name in aside} & {twins[name] for name in twins if name not in aside}


def test_who_wrote_a_turn_stays_with_it_when_others_are_left_out() -> None:
    one = conversation(30)
    longer = Conversation("x", (Turn("customer", " "), *one.turns), origins=("", "", "accepted"))
    (kept,) = [found for found in cleaned(longer).kept if found.id == "x"]
    assert (kept.turns, kept.origins) == (one.turns, ("", "accepted"))
    assert [kept.turns[at] for at in kept.written("accepted")] == [one.turns[1]]
