"""From knowledge to index: values leave the text, the cache keeps what is still there and no more."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from nlp.context import QUERY_WIDTH
from nlp.index_file import CACHE_FILE
from nlp.memory import BLOCK, IndexBuilder, Knowledge, build_index, mentions
from nlp.retrieval import Index
from nlp.types import Analysis, Entity, Evidence, KnowledgeItem, Turn
from tests.fake_reader import FakeReader, reading

REPLY = KnowledgeItem(
    "reply",
    "r1",
    "late",
    "Sorry, Anna! TT-104823 comes within 30 days. I'm Moira.",
    (Turn("customer", "It's Anna Kowalski, where is TT-104823?"),),
    "delivery_late",
)
ARTICLE = KnowledgeItem("article", "a1", "Returns", "Send it back within 30 days. It is free. " * 6)
SHOP = Knowledge({"return_days": "30 days"}, ("Brae tent",), (REPLY, ARTICLE))


def index(reader: FakeReader, knowledge: Knowledge = SHOP, cache: Path | None = None) -> Index:
    return build_index(knowledge, reader, cache=cache)  # type: ignore[arg-type]


def replies(made: Index) -> list[Evidence]:
    query, match = np.ones(QUERY_WIDTH, dtype=np.float32), np.zeros(1, dtype=np.float32)
    return made.nearest_replies(query, match, 5).replies


def test_no_value_of_a_customer_is_left_in_what_is_remembered() -> None:
    made = index(FakeReader("Anna Kowalski", "Anna", "Moira"))
    (found,) = replies(made)
    assert found.text == (
        "Sorry, <|slot:customer_name|>! <|slot:order_id|> comes within <|slot:return_days|>. "
        "I'm <|slot:agent_name|>."
    )


def test_no_password_is_left_in_what_is_remembered() -> None:
    said = KnowledgeItem(
        "reply", "r2", "in", "Your new password is kq7trbd.", (Turn("customer", "I'm locked out"),)
    )
    (found,) = replies(index(FakeReader(), Knowledge({}, (), (said,))))
    assert found.text == "Your new password is ****."


def test_an_article_is_found_by_its_passages() -> None:
    made = index(FakeReader())
    found = made.nearest_passages(np.ones(384, dtype=np.float32), 5)
    assert found and all(f.title == "Returns" and "<|slot:return_days|>" in f.text for f in found)


def test_the_cache_saves_the_work_and_forgets_what_is_gone(tmp_path: Path) -> None:
    first = FakeReader("Anna")
    index(first, cache=tmp_path)
    assert first.encoder.asked > 0
    again = FakeReader("Anna")
    made = index(again, cache=tmp_path)
    assert again.encoder.asked == 0
    assert len(made) > 1
    index(FakeReader(), Knowledge(SHOP.facts, SHOP.products, (ARTICLE,)), cache=tmp_path)
    with safe_open(tmp_path / CACHE_FILE, framework="numpy") as stored:
        kept = json.loads(stored.metadata()["entries"])
    assert {row["id"] for row in kept} == {"a1"}


def test_other_facts_make_the_templates_anew(tmp_path: Path) -> None:
    index(FakeReader("Anna"), cache=tmp_path)
    reader = FakeReader("Anna")
    made = index(reader, Knowledge({}, (), (REPLY,)), cache=tmp_path)
    assert reader.encoder.asked > 0
    assert "30 days" in replies(made)[0].text


@pytest.mark.parametrize("kept", [0, 7, 4000])
def test_a_broken_cache_is_made_again(tmp_path: Path, kept: int) -> None:
    index(FakeReader("Anna"), cache=tmp_path)
    whole = (tmp_path / CACHE_FILE).read_bytes()
    (tmp_path / CACHE_FILE).write_bytes(whole[:kept])
    reader = FakeReader("Anna")
    assert len(index(reader, cache=tmp_path)) > 1
    assert reader.encoder.asked > 0


def test_an_empty_shop_has_an_empty_index(tmp_path: Path) -> None:
    assert len(index(FakeReader(), Knowledge({}), cache=tmp_path)) == 0


def test_a_name_is_also_known_by_its_first_part() -> None:
    found = mentions("Thanks Anna, and Anna Kowalski", {"customer_name": "Anna Kowalski"})
    assert {e.text for e in found} == {"Anna", "Anna Kowalski"}


def test_a_cache_that_can_not_be_written_costs_only_time(tmp_path: Path) -> None:
    blocked = tmp_path / "index"
    blocked.write_text("a file where the folder should be")
    assert len(index(FakeReader(), cache=blocked)) == len(index(FakeReader()))


def test_what_an_agent_looked_up_is_to_be_looked_up_again() -> None:
    asked = Turn("customer", "It should have come on Monday, where is it?")
    told = KnowledgeItem("reply", "r", "", "It was due on Monday and comes on Thursday, sorry.", (asked,))
    (found,) = replies(index(DateReader(), Knowledge({}, (), (told,))))
    assert found.text == "It was due on <|slot:date|> and comes on <|slot:eta_date|>, sorry."


class DateReader(FakeReader):
    """Finds Monday."""

    def analysis(self, text: str) -> Analysis:
        at = text.find("Monday")
        found = Entity("date", "Monday", at, at + 6, "Monday", 1.0, "recogniser")
        return reading((found,) if at >= 0 else ())


def test_a_reply_without_an_intent_gets_that_of_its_question() -> None:
    told = KnowledgeItem("reply", "r", "", "It is on its way.", (Turn("customer", "Where is it?"),))
    made = index(FakeReader(), Knowledge({}, (), (told,)))
    assert made.intents_of("r") == {"order_status"}
    assert made.negative.tolist() == [0.0]


def test_a_long_number_that_no_rule_can_name_does_not_stay() -> None:
    told = KnowledgeItem(
        "reply", "r", "", "I ring 07700 989249 about 105806.", (Turn("customer", "Call me"),)
    )
    (found,) = replies(index(FakeReader(), Knowledge({}, (), (told,))))
    assert found.text == "I ring <|slot:phone|> about <|slot:order_id|>."


MANY = Knowledge(
    {},
    (),
    (
        *(
            KnowledgeItem("reply", f"r{n}", "", f"Reply {n} of our shop", (Turn("customer", f"Ask {n}"),))
            for n in range(100)
        ),
        ARTICLE,
    ),
)


def builder(cache: Path | None = None) -> IndexBuilder:
    return IndexBuilder(MANY, FakeReader(), cache=cache)  # type: ignore[arg-type]


def test_a_part_stands_for_the_whole_shop_and_articles_come_first() -> None:
    part = builder()
    entries = part.read(1 + 5 * BLOCK)
    assert (len(part), part.unread) == (1 + 5 * BLOCK, 60)
    assert entries[0].kind == "article"
    numbers = sorted(int(e.id[1:]) for e in entries if e.kind == "reply")
    gaps = [b - a for a, b in zip([0, *numbers], [*numbers, 99], strict=True)]
    assert max(gaps) <= 3 * BLOCK


def test_parts_make_the_index_that_one_go_makes() -> None:
    parts = builder()
    while parts.unread:
        parts.read(7)
    whole = builder()
    whole.read()
    assert parts.index().replies == whole.index().replies == [f"Reply {n} of our shop" for n in range(100)]
    assert parts.read(5) == []


def test_a_part_that_was_kept_is_not_read_again(tmp_path: Path) -> None:
    first = builder(tmp_path)
    first.read(40)
    first.keep()
    again = builder(tmp_path)
    assert (len(again), again.unread) == (40, 61)
    assert again.index().replies == first.index().replies
