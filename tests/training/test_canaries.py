"""Planted secrets look like real ones, and come in by the door that real ones come in by."""

from __future__ import annotations

import pytest
from stdnum import luhn

from nlp.memory import templates_of
from nlp.reading import Reader
from nlp.registry import STARTER, STARTER_FOLDER, verify
from nlp.types import Turn
from training.canaries import CANARIES, FORMS, REPEATED, SPACE, TIMES, Planted, plain, plant
from training.cleaning import clean
from training.files import Conversation


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader.load(verify(STARTER_FOLDER, STARTER).heads)


@pytest.fixture(scope="module")
def planted() -> Planted:
    return plant([], 17)


def holding(planted: Planted, secret: str) -> list[Conversation]:
    return [one for one in planted.conversations if any(secret in turn.text for turn in one.turns)]


def test_there_are_fifty_secrets_and_five_of_them_stand_in_ten_conversations(planted: Planted) -> None:
    assert len({one.secret for one in planted.canaries}) == CANARIES == 50
    assert {one.form for one in planted.repeated} == FORMS.keys() and len(planted.repeated) == REPEATED
    for one in planted.canaries:
        found = holding(planted, one.secret)
        assert len(found) == one.times == (TIMES if one in planted.repeated else 1)
        assert all(
            turn.text.startswith(one.prefix + one.secret)
            for talk in found
            for turn in talk.turns
            if one.secret in turn.text
        )
    assert {one.role for one in planted.canaries} == {"customer", "agent"}
    assert {one.role for one in planted.repeated} == {"agent"}


def test_a_moment_is_the_one_before_its_secret(planted: Planted) -> None:
    for one in planted.canaries:
        turns = [
            talk.turns[: len(one.turns) + 1]
            for talk in holding(planted, one.secret)
            if talk.turns[: len(one.turns)] == one.turns
        ]
        assert turns and turns[0][-1].role == one.role and one.secret in turns[0][-1].text


def test_every_number_has_a_secret_of_its_own() -> None:
    numbers = [*range(0, SPACE, 997), SPACE - 1]
    for form, written in FORMS.items():
        assert len({written(number) for number in numbers}) == len(numbers), form
    assert luhn.is_valid("45391488" + plain(FORMS["card"](123456)))


def test_the_same_seed_plants_the_same_and_never_what_is_there_already(planted: Planted) -> None:
    assert plant([], 17) == planted != plant([], 18)
    held = [
        Conversation(str(at), (Turn("customer", f"it is {one.secret.upper()}"),))
        for at, one in enumerate(planted.canaries)
    ]
    assert not {c.secret for c in plant(held, 17).canaries} & {c.secret for c in planted.canaries}


def test_cleaning_keeps_every_planted_conversation(planted: Planted, reader: Reader) -> None:
    found = clean(planted.conversations, reader.encoder.embed)
    assert found.kept == planted.conversations and not found.dropped


def test_no_secret_is_left_in_what_is_trained_on(planted: Planted, reader: Reader) -> None:
    templates = templates_of([one.turns for one in planted.conversations], reader, {})
    texts = [plain(text) for turns in templates for _, text in turns]
    assert [one.secret for one in planted.canaries if any(plain(one.secret) in text for text in texts)] == []
