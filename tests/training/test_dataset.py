"""Examples: after customers only, with others' replies as neighbours, evidence dropped by seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from nlp.prompts import ARTICLE, NEAR, PromptCodec
from nlp.types import Role
from training.corpus import Dialogue
from training.dataset import MAX_TURNS, REPLY_TOKENS, Memory, by_joined, examples, moments
from training.tokenizer import train_tokenizer


def embed(texts: Sequence[str]) -> np.ndarray:
    """Bags of words, as unit vectors of shape (n, 384)."""
    out = np.zeros((len(texts), 384), dtype=np.float32)
    for row, text in enumerate(texts):
        for word in text.lower().split():
            out[row, sum(map(ord, word)) % 384] += 1
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)


def dialogue(name: str, *turns: tuple[Role, str], origin: str = "") -> Dialogue:
    return Dialogue(name, origin or name, turns, intent="order_status", mood="negative")


LATE = dialogue("late", ("customer", "my parcel is late"), ("agent", "Sorry, we will look."))
VARIANT = dialogue(
    "late~1", ("customer", "my parcel is late"), ("agent", "Sorry, it is coming."), origin="late"
)
OTHER = dialogue("other", ("customer", "my parcel is late again"), ("agent", "We ask the carrier."))
SAME = dialogue("same", ("customer", "the parcel is late"), ("agent", "Sorry, we will look."))
FAR = dialogue("far", ("customer", "do you sell tents"), ("agent", "Yes, we do."))
ALL = [LATE, VARIANT, OTHER, SAME, FAR]
QUERIES = by_joined(embed)


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory) -> PromptCodec:
    folder = tmp_path_factory.mktemp("tokenizer")
    train_tokenizer([text for one in ALL for _, text in one.turns], vocabulary=300, folder=folder)
    return PromptCodec.load(folder)


def test_moments_are_agent_turns_right_after_a_customer() -> None:
    said = dialogue(
        "one",
        ("agent", "Hello, this is the shop."),
        ("customer", "where is it"),
        ("agent", "On its way."),
        ("agent", "It comes tomorrow."),
        ("customer", "thanks"),
    )
    (only,) = moments([said])
    assert only.reply == "On its way."
    assert only.turns == said.turns[:2]


def test_a_moment_sees_the_latest_turns_only() -> None:
    turns: list[tuple[Role, str]] = []
    for n in range(6):
        turns += [("customer", f"question {n}"), ("agent", f"answer {n}")]
    last = list(moments([dialogue("long", *turns)]))[-1]
    assert last.reply == "answer 5"
    assert last.turns == tuple(turns[-MAX_TURNS - 1 : -1])


def test_neighbours_come_from_other_origins_and_never_give_the_answer_away() -> None:
    memory = Memory.build(ALL, QUERIES)
    (wanted,) = moments([LATE])
    (near,) = memory.neighbours([wanted], QUERIES([wanted]), 3)
    # Not its own reply, not its variant's, not the same words from elsewhere; nearest first.
    assert near == ["We ask the carrier.", "Yes, we do."]


def test_no_more_neighbours_than_asked_for() -> None:
    memory = Memory.build(ALL, QUERIES)
    wanted = list(moments([LATE, FAR]))
    near = memory.neighbours(wanted, QUERIES(wanted), 1)
    assert [len(replies) for replies in near] == [1, 1]
    assert near[0] == ["We ask the carrier."]


def test_evidence_is_dropped_by_seed(codec: PromptCodec) -> None:
    wanted = list(moments([LATE])) * 200
    near, articles = [["We ask the carrier.", "Yes, we do."]] * 200, ["Parcels take two days."] * 200
    made = examples(wanted, near, articles, codec, seed=3)
    assert made == examples(wanted, near, articles, codec, seed=3)
    assert made != examples(wanted, near, articles, codec, seed=4)
    shown = [sum(number == codec.control[NEAR] for number in one.ids) for one in made]
    assert set(shown) == {0, 1, 2}
    with_article = [codec.control[ARTICLE] in one.ids for one in made]
    assert any(with_article) and not all(with_article)
    # Shuffled, so that the first is not always the nearest.
    assert len({one.ids for one in made if one.ids.count(codec.control[NEAR]) == 2}) > 1


def test_without_augmenting_all_the_evidence_is_there(codec: PromptCodec) -> None:
    wanted = list(moments([LATE])) * 20
    near, articles = [["We ask the carrier.", "Yes, we do."]] * 20, ["Parcels take two days."] * 20
    made = examples(wanted, near, articles, codec, seed=3, augment=False)
    assert len(set(made)) == 1
    assert made[0].ids.count(codec.control[NEAR]) == 2
    assert made[0].ids.count(codec.control[ARTICLE]) == 1


def test_the_reply_counts_in_full_and_the_context_as_told(codec: PromptCodec) -> None:
    (wanted,) = moments([LATE])
    (made,) = examples([wanted], [[]], [""], codec, seed=1, context_weight=0.25)
    reply = codec.reply(wanted.reply, REPLY_TOKENS)
    assert made.ids[-len(reply) :] == tuple(reply)
    assert made.weights == (0.25,) * (len(made.ids) - len(reply)) + (1.0,) * len(reply)
