"""The same database for every storage test, once on SQLite and once on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from storage import accounts, analyses, conversations
from storage.database import Database
from storage.migrations import upgrade
from storage.records import Account, AnalysisRecord, CandidateRecord, Customer, Received
from tests.postgres import empty, on_server, run_apart

Say = Callable[..., Awaitable[Received]]


@pytest.fixture
def empty_postgres(server: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    name = f"deskhand_test_{uuid4().hex}"
    run_apart(on_server(f"CREATE DATABASE {name}"))
    yield server + name
    run_apart(on_server(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a migrated, empty database of either kind."""
    if request.param == "sqlite":
        path = f"sqlite:///{tmp_path}/deskhand.db"
        run_apart(upgrade(path))
        return path
    shared: str = request.getfixturevalue("shared_postgres")
    empty(shared)
    return shared


@pytest.fixture
async def db(url: str) -> AsyncIterator[Database]:
    database = await Database.open(url, migrate=False)
    yield database
    await database.close()


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Database]:
    """For what only SQLite does: one writer, one file."""
    database = await Database.open(f"sqlite:///{tmp_path}/deskhand.db")
    yield database
    await database.close()


@pytest.fixture
def new_customer() -> Callable[[Database], Awaitable[Customer]]:
    async def make(db: Database, name: str = "Ada", token: bytes | None = None) -> Customer:
        return await db.write(
            lambda tx: conversations.create_customer(tx, display_name=name, token_hash=token, locale="en")
        )

    return make


@pytest.fixture
def say() -> Say:
    """Receive a customer's message."""

    async def receive(
        db: Database, customer_id: UUID, text: str = "Where is my parcel?", **changes: Any
    ) -> Received:
        given = {"channel": "web", "client_msg_id": str(uuid4()), "text": text} | changes
        return await db.write(lambda tx: conversations.receive(tx, customer_id=customer_id, **given))

    return receive


@pytest.fixture
def read_as() -> Callable[..., Awaitable[None]]:
    """Store the reading of a message."""

    async def store(
        db: Database, message_id: UUID, *, intent: str = "other", score: float = 0.9, vector: bytes
    ) -> None:
        reading = AnalysisRecord(message_id, "v", "en", 1.0, 0.1, 0.8, 0.1, intent, score, (), 1.0)
        await db.write(lambda tx: analyses.save_analysis(tx, reading, embedding=vector))

    return store


@pytest.fixture
def drafts() -> list[CandidateRecord]:
    return [
        CandidateRecord(
            position=0,
            text="It ships today.",
            template="It ships <|slot:date|>.",
            score=0.9,
            source="generated",
            evidence=({"kind": "reply", "id": "r1", "title": "", "score": 0.8},),
            unfilled=(),
            features={"similarity": 0.8},
        ),
        CandidateRecord(1, "Please send [order id].", "Please send <|slot:order_id|>.", 0.4, "reply"),
    ]


@pytest.fixture
async def account(db: Database) -> Account:
    """An agent."""
    return await db.write(
        lambda tx: accounts.create_account(
            tx, email="Grace@Example.com", name="Grace", role="agent", password_hash="$argon2id$1"
        )
    )
