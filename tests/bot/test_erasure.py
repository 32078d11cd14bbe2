"""A customer is erased: nothing of them is left in any table or file, on both kinds of database."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file
from sqlalchemy import select

from bot import erasure, new_intents
from bot.erasure import Actor
from nlp import forgetting, matcher, memory
from nlp.errors import RegistryError
from nlp.memory import Knowledge, build_index
from nlp.registry import Registry, verify
from nlp.types import KnowledgeItem, Turn
from storage import (
    accounts,
    analyses,
    audit,
    conversations,
    knowledge,
    model_versions,
    named_intents,
    schema_admin,
    settings_store,
    suggestions,
    training_runs,
)
from storage.database import Database, Transaction
from storage.errors import NotFound
from storage.migrations import upgrade
from storage.records import AnalysisRecord, CandidateRecord, EntityRecord
from tests.fake_reader import FakeReader
from tests.postgres import empty, run_apart

NAME, EMAIL, ORDER = "Zephyrine Quill", "zephyrine@quillwort.example", "TT-730914"
ASKED = f"My xylograph {ORDER} came broken, write to {EMAIL}"
ANSWERED = "A fresh xylograph leaves the glasshouse tomorrow."
SECRETS = [NAME, "zephyrine", ORDER, "xylograph", "glasshouse"]


@pytest.fixture(params=["sqlite", "postgresql"])
async def db(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A migrated, empty database; SQLite's file lies in the data folder, as in a real house."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/data/deskhand.sqlite3"
        run_apart(upgrade(url))
    else:
        url = request.getfixturevalue("shared_postgres")
        empty(url)
    opened = await Database.open(url, migrate=False)
    yield opened
    await opened.close()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir(exist_ok=True)
    return folder


async def customer_who_wrote(db: Database) -> UUID:
    """Somebody with a name, an address, a conversation and rows in every table."""
    made = await db.write(
        lambda tx: conversations.create_customer(
            tx, display_name=NAME, token_hash=b"z" * 32, locale="en", email=EMAIL
        )
    )
    received = await db.write(
        lambda tx: conversations.receive(
            tx, customer_id=made.id, channel="web", text=ASKED, client_msg_id="zephyrine-1"
        )
    )
    found = EntityRecord("order_id", ORDER, 13, 22, ORDER, 1.0, "recogniser")
    reading = AnalysisRecord(received.message.id, "v", "en", 1.0, 0.8, 0.1, 0.1, "broken", 0.4, (found,), 1.0)
    drafts = [CandidateRecord(0, f"About {ORDER}: {ANSWERED}", ANSWERED, 0.9, "generated")]

    async def rest(tx: Transaction) -> None:
        agent = await accounts.create_account(
            tx, email="moira@shop.example", name="Moira", role="agent", password_hash="none"
        )
        await analyses.save_analysis(tx, reading, embedding=b"1234")
        await named_intents.name_messages(tx, "broken", [received.message.id])
        stored = await suggestions.record(
            tx,
            conversation_id=received.conversation.id,
            message_id=received.message.id,
            based_on_seq=1,
            model_version="v",
            mode="draft",
            decision="suggest",
            why="",
            latency_ms=1.0,
            candidates=drafts,
        )
        reply = await conversations.post(
            tx,
            conversation_id=received.conversation.id,
            kind="agent",
            text=ANSWERED,
            author_id=agent.id,
        )
        await suggestions.decide_sent(
            tx, suggestion_id=stored.id, position=0, final_text=ANSWERED, account_id=agent.id
        )
        await knowledge.put_vectors(tx, "reply", "m", {reply.message.id: b"1234"})
        await settings_store.put_setting(tx, new_intents.SEARCH_KEY, _search(received.message.id))

    await db.write(rest)
    return made.id


def _search(message_id: UUID) -> dict[str, Any]:
    group = {
        "key": "0",
        "name": "broken_xylograph",
        "size": 5,
        "cohesion": 0.5,
        "keywords": ["xylograph"],
        "examples": [str(message_id)],
        "messages": [str(message_id)],
    }
    return {"state": "done", "started_at": "2026-01-01T00:00:00+00:00", "groups": [group]}


async def other_customer(db: Database, cites: UUID) -> UUID:
    """Somebody else, whose draft leans on a reply."""
    made = await db.write(
        lambda tx: conversations.import_conversation(
            tx, external_id="other", turns=[("customer", "Is it late?", None), ("agent", "A day.", None)]
        )
    )
    async with db.read() as tx:
        asked = (await conversations.messages_after(tx, made.conversation.id, 0))[0]
    item = {"kind": "reply", "id": str(cites), "title": "A fresh xylograph", "score": 0.5}
    draft = CandidateRecord(0, "Tomorrow.", "Tomorrow.", 0.9, "generated", (item,))
    await db.write(
        lambda tx: suggestions.record(
            tx,
            conversation_id=made.conversation.id,
            message_id=asked.id,
            based_on_seq=1,
            model_version="v",
            mode="draft",
            decision="suggest",
            why="",
            latency_ms=1.0,
            candidates=[draft],
        )
    )
    return made.conversation.customer_id


async def ids_of(db: Database, customer_id: UUID) -> tuple[UUID, list[UUID], UUID]:
    """The customer's conversation, its messages, and the one that is an agent's reply."""
    async with db.read() as tx:
        theirs = await erasure.erasure.theirs(tx, customer_id)
        (conversation,) = theirs.said
        said = await conversations.messages_after(tx, conversation, 0)
    (reply,) = theirs.replies
    return conversation, [message.id for message in said], reply


def keep_index(folder: Path, *items: KnowledgeItem) -> None:
    """An index and answers of these replies, as a brain keeps them."""
    index = build_index(Knowledge({}, (), items), FakeReader(), cache=folder)
    vectors = np.zeros((len(index.replies), 384), dtype=np.float32)
    note = {"matcher": "m", "texts": json.dumps(list(index.replies))}
    save_file({"vectors": vectors}, folder / matcher.CACHE_FILE, metadata=note)


def publish(data_dir: Path, name: str, items: list[KnowledgeItem], *, parent: str = "", **notes: Any) -> None:
    """A version on disk with a memory."""
    made = data_dir / "made" / name
    (made / "reply").mkdir(parents=True)
    (made / "reply" / "config.json").write_text("{}")
    if items:
        keep_index(made / "memory", *items)
        for note, names in notes.items():
            (made / "memory" / f"{note}.json").write_text(json.dumps(names))
    Registry(data_dir / "models").publish(name, made, {"parent": parent} if parent else {})
    shutil.rmtree(data_dir / "made")


def reply(item_id: str, text: str, asked: str = "Hello?") -> KnowledgeItem:
    return KnowledgeItem("reply", item_id, "", text, (Turn("customer", asked),), "broken")


async def dumped(db: Database) -> str:
    """Every row of every table as text."""
    out = []
    async with db.read() as tx:
        for table in schema_admin.metadata.sorted_tables:
            out += [repr(dict(row)) for row in await tx.all(select(table))]
    return "\n".join(out)


def held_in(data_dir: Path) -> Iterator[tuple[str, bytes]]:
    """Every file with its bytes, packed ones unpacked."""
    for path in sorted(data_dir.rglob("*")):
        if path.is_file():
            raw = path.read_bytes()
            yield str(path), gzip.decompress(raw) if path.suffix == ".gz" else raw


async def assert_gone(db: Database, data_dir: Path, secrets: list[str]) -> None:
    rows = (await dumped(db)).lower()
    assert [word for word in secrets if word.lower() in rows] == []
    for path, raw in held_in(data_dir):
        found = [
            word for word in secrets if word.lower().encode() in raw.lower() or word.lower() in path.lower()
        ]
        assert found == [], path


def words_of(*ids: UUID) -> list[str]:
    return [form for one in ids for form in (str(one), one.hex)]


async def test_nothing_of_an_erased_customer_is_left_in_any_table_or_file(
    db: Database, data_dir: Path
) -> None:
    customer_id = await customer_who_wrote(db)
    conversation, messages, answer = await ids_of(db, customer_id)
    other = await other_customer(db, answer)
    digest = forgetting.digest([Turn("customer", ASKED), Turn("agent", ANSWERED)])
    keep_index(data_dir / "index", reply(str(answer), ANSWERED, ASKED), reply(str(uuid4()), "A day."))
    theirs, others = reply(f"{digest}/1", ANSWERED, ASKED), reply("other/1", "A day.")
    publish(data_dir, "from-file", [theirs, others], conversations=[digest, "other"])
    publish(data_dir, "heir", [], parent="from-file")
    publish(data_dir, "from-log", [reply(f"{conversation}/1", ANSWERED), others], sources=[str(conversation)])
    publish(data_dir, "clean", [others], conversations=["other"], sources=[str(uuid4())])
    for name, text in (("a.jsonl", str(conversation)), ("b.jsonl", "nobody")):
        folder = data_dir / "training" / name[0]
        folder.mkdir(parents=True)
        (folder / f"{name}.gz").write_bytes(gzip.compress(f'{{"conversation_id": "{text}"}}\n'.encode()))
    secrets = SECRETS + words_of(customer_id, conversation, *messages) + [digest]
    rows = (await dumped(db)).lower()
    assert [word for word in SECRETS if word.lower() not in rows] == []

    report = await erasure.erase(db, data_dir, customer_id, Actor("ada@shop.example"))

    await assert_gone(db, data_dir, secrets)
    assert report["rows"]["messages"] == 2 and report["drafts_of_others"] == 1
    assert report["tainted"] == ["from-file", "from-log", "heir"]
    assert report["files_removed"] == ["training/a"]
    assert (data_dir / "training" / "b").exists()
    registry = Registry(data_dir / "models")
    for name in ("from-file", "from-log", "heir", "clean"):
        assert registry.get(name).name == name
    assert list(memory.load_index(registry.get("from-file").memory).replies) == ["A day."]
    with safe_open(data_dir / "index" / matcher.CACHE_FILE, framework="numpy") as kept:
        assert json.loads(kept.metadata()["texts"]) == ["A day."]
    async with db.read() as tx:
        (run,) = await training_runs.list_runs(tx)
        assert (run.state, dict(run.options), str(run.id)) == ("queued", {"why": "erasure"}, report["run"])
        (entry,) = await audit.entries(tx)
        assert (entry.actor, entry.action) == ("ada@shop.example", "customer_erased")
        assert await conversations.customer(tx, other)
        tainted = {one.version for one in await model_versions.list_versions(tx) if one.tainted_at}
    assert tainted == {"from-file", "from-log", "heir"}


async def test_a_second_time_changes_nothing_and_an_unknown_id_is_told(db: Database, data_dir: Path) -> None:
    customer_id = await customer_who_wrote(db)
    await erasure.erase(db, data_dir, customer_id, Actor("ada"))
    async with db.read() as tx:
        before = await audit.entries(tx)
    again = await erasure.erase(db, data_dir, customer_id, Actor("ada"))
    assert (again["again"], again["rows"], again["run"]) == (True, {}, None)
    async with db.read() as tx:
        assert await audit.entries(tx) == before
        assert await training_runs.list_runs(tx) == []
    with pytest.raises(NotFound):
        await erasure.erase(db, data_dir, uuid4(), Actor("ada"))


async def test_what_a_kill_left_is_finished_by_the_same_call(
    db: Database, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer_id = await customer_who_wrote(db)
    conversation, _, _ = await ids_of(db, customer_id)
    others = reply("other/1", "A day.")
    publish(data_dir, "one", [reply(f"{conversation}/1", ANSWERED), others], sources=[str(conversation)])

    def killed(self: Registry, name: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Registry, "memory_changed", killed)
        forgetting.forget(data_dir / "models", [str(conversation)])
    with pytest.raises(RegistryError):
        verify(data_dir / "models" / "one")

    await erasure.erase(db, data_dir, customer_id, Actor("ada"))
    await assert_gone(db, data_dir, [*SECRETS, str(conversation)])
    registry = Registry(data_dir / "models")
    assert registry.get("one") and registry.tainted() == {"one"}


def test_a_tainted_version_is_not_made_current(data_dir: Path) -> None:
    registry = Registry(data_dir / "models")
    for name in ("a", "b", "c"):
        publish(data_dir, name, [])
        registry.promote(name)
    registry.taint(["b"])
    with pytest.raises(RegistryError, match="erased"):
        registry.promote("b")
    assert registry.rollback().name == "a"
    assert registry.rollback().name == "starter"
