"""`deskhand erase`: what it prints, and that it keeps off a SQLite file that a server works on."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from bot import cli, logs, occupancy
from bot.failure import Failure
from bot.settings import DATABASE_FILE
from storage import audit, conversations
from storage.database import Database


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logs, "configure", lambda level: None)
    return tmp_path / "data"


async def _imported(data_dir: Path) -> UUID:
    db = await Database.open(f"sqlite:///{data_dir}/{DATABASE_FILE}")
    made = await db.write(
        lambda tx: conversations.import_conversation(
            tx, external_id="z1", turns=[("customer", "Forget me", None), ("agent", "Yes.", None)]
        )
    )
    await db.close()
    return made.conversation.customer_id


async def _actors(data_dir: Path) -> list[str]:
    db = await Database.open(f"sqlite:///{data_dir}/{DATABASE_FILE}")
    async with db.read() as tx:
        found = await audit.entries(tx)
    await db.close()
    return [entry.actor for entry in found]


def erase(data_dir: Path, customer: object, capsys: Any, *more: str) -> tuple[int, str, str]:
    environ = {"DESKHAND_DATA_DIR": str(data_dir), "DESKHAND_LOG_LEVEL": "error"}
    status = cli.main(["erase", "--customer", str(customer), *more], environ)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_a_customer_is_erased_and_a_second_time_is_told(data_dir: Path, capsys: Any) -> None:
    customer = asyncio.run(_imported(data_dir))
    status, out, _ = erase(data_dir, customer, capsys)
    assert status == 0
    assert out == "erased: 1 customers, 1 customer identities, 1 conversations, 2 messages\n"
    status, out, _ = erase(data_dir, customer, capsys, "--json")
    assert status == 0 and json.loads(out)["again"] is True
    assert asyncio.run(_actors(data_dir)) == ["command line"]


@pytest.mark.parametrize(
    ("customer", "said"),
    [("mia@example.com", "not a customer's id"), (uuid4(), "no customer has this id")],
)
def test_what_is_no_customer_is_told_in_one_line(
    data_dir: Path, capsys: Any, customer: object, said: str
) -> None:
    status, out, err = erase(data_dir, customer, capsys)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("deskhand: ") and said in err


def test_beside_a_server_nothing_is_erased_and_the_way_is_told(data_dir: Path, capsys: Any) -> None:
    customer = asyncio.run(_imported(data_dir))

    async def served() -> tuple[int, str, str]:
        async with occupancy.serving(data_dir):
            return await asyncio.to_thread(erase, data_dir, customer, capsys)

    status, out, err = asyncio.run(served())
    assert (status, out) == (1, "")
    assert "a server is running" in err and "customer's panel of the console" in err
    assert erase(data_dir, customer, capsys)[0] == 0


async def test_a_server_waits_for_a_command_at_work(data_dir: Path) -> None:
    data_dir.mkdir()
    began = asyncio.Event()

    async def serve() -> None:
        async with occupancy.serving(data_dir):
            began.set()

    with occupancy.alone(data_dir, "wait"):
        starting = asyncio.create_task(serve())
        await asyncio.sleep(0.25)
        assert not began.is_set()
        with pytest.raises(Failure, match="wait"), occupancy.alone(data_dir, "wait"):
            pass
    await asyncio.wait_for(starting, 5)
    assert began.is_set()
