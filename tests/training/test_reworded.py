"""Other words teach the matcher only what it may know, and stay only where they help."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from nlp.errors import ModelError
from nlp.reading import Reader
from nlp.registry import STARTER_FOLDER, verify
from nlp.slots import slots_in
from nlp.types import Analysis, Intent, ReplyRequest, Sentiment
from tests.small_models import marian_folder
from tests.training.test_round import conversation
from training.bench import Bench, Order
from training.corpus import Dialogue, TurnPair
from training.lessons import collect, match_lessons
from training.questions import Question
from training.reworded import EDA, check, compared, lessons
from training.teaching import taught_matcher

READING = Analysis("en", 0.9, Sentiment(0.1, 0.8, 0.1), (), Intent("", 0.0), np.zeros(384, np.float32))


def question(number: int) -> Question:
    turns: tuple[TurnPair, ...] = (
        ("customer", f"Where is my parcel <|slot:order_id|> with lamp {number}, please? It is late."),
        ("agent", f"Lamp {number} comes tomorrow."),
    )
    return Question(Dialogue(f"c{number}", f"c{number}", turns), 1, ReplyRequest((), READING, {}, {}))


ASKED = [question(number) for number in range(12)]


def test_edited_lessons_keep_the_reply_the_slots_and_the_conversation_that_they_are_of() -> None:
    found = lessons(ASKED, EDA, 3, 1.0, lambda what, count: count())
    plain = {one.group: one for one in match_lessons(ASKED)}
    assert len(found) > len(ASKED)
    for one in found:
        assert one.reply == plain[one.group].reply and one.turns != plain[one.group].turns
        assert slots_in(one.turns[0][1]) == ("order_id",)


def test_translating_reaches_as_many_conversations_as_were_planned(tmp_path: Path) -> None:
    for name in ("there", "back"):
        marian_folder(tmp_path / name)
    way = f"translate={tmp_path}"
    check(way)
    asked: list[str] = []

    def planned(what: str, count: object) -> int:
        asked.append(what)
        return 5

    found = lessons(ASKED, way, 3, 1.0, planned)
    assert asked == ["translated"] and len({one.group for one in found}) == 5
    assert all(slots_in(one.turns[0][1]) == ("order_id",) for one in found)


def test_a_way_that_is_none_and_a_folder_without_translators_are_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="'synonyms' is no way to augment; use eda, or translate=FOLDER"):
        check("synonyms")
    with pytest.raises(ModelError, match="no Marian model in there/"):
        check(f"translate={tmp_path}")


class Knowing:
    """A matcher that knows the replies of some conversations, and takes a wrong one for the others."""

    def __init__(self, known: range) -> None:
        self._known = known

    def conversations(self, conversations: Sequence[Sequence[TurnPair]]) -> NDArray[np.float32]:
        rows = np.eye(len(conversations), dtype=np.float32)
        return np.stack([rows[at] if at in self._known else rows[at - 1] for at in range(len(rows))])

    def replies(self, templates: Sequence[str]) -> NDArray[np.float32]:
        return np.eye(len(templates), dtype=np.float32)


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    return np.eye(len(texts), dtype=np.float32)


def test_the_gain_is_counted_on_the_same_questions_and_only_a_better_one_stays() -> None:
    some, all_of_them = Knowing(range(3)), Knowing(range(12))
    better = compared(some, all_of_them, ASKED, embed, 1)  # type: ignore[arg-type]
    assert better.with_them == 1.0 > better.without and better.better and better.interval[0] > 0
    worse = compared(all_of_them, some, ASKED, embed, 1)  # type: ignore[arg-type]
    assert worse.told(EDA, 12, 24)["gain"] == pytest.approx(better.without - 1.0, abs=1e-4)
    assert not worse.better and not compared(some, some, ASKED, embed, 1).better  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_round_teaches_two_matchers_and_keeps_the_better_one(tmp_path: Path) -> None:
    data = tmp_path / "chats.jsonl"
    data.write_text("".join(json.dumps(conversation(number)) + "\n" for number in range(24)))
    version, order = verify(STARTER_FOLDER), Order((data,), minutes=0.01, augment=EDA)
    assert order.name != Order((data,), minutes=0.01).name
    reader = Reader.load(version.heads)
    taught = collect([data], reader, 17, lambda *_: None)
    own = {one.id for one in taught.everything}
    taught = replace(taught, lessons=[one for one in taught.lessons if one.dialogue.id in own])
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "plan.json").write_text('{"matcher_steps": 2}')
    said: set[str] = set()
    bench = Bench(order, tmp_path / "work", reader, lambda what, done, total: said.add(what))
    _, facts = taught_matcher(taught, version, bench)
    found = facts["augmentation"]
    assert (found["lessons"], found["questions"], len(said)) == (len(taught.lessons), 6, 2)
    assert found["added"] > 0 and 0 <= found["first_of_10_with"] <= 1
    assert found["kept"] == (found["gain"] > 0)
    kept, left = ("reworded", "plain") if found["kept"] else ("plain", "reworded")
    published = (bench.reply / "matcher.safetensors").read_bytes()
    assert published == (tmp_path / "work" / "taught" / kept / "matcher.safetensors").read_bytes()
    assert published != (tmp_path / "work" / "taught" / left / "matcher.safetensors").read_bytes()
    _, repeated = taught_matcher(taught, version, bench)
    assert repeated == facts, "a round that was stopped here goes on with the same"
