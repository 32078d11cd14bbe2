from __future__ import annotations

from typing import Any

from storage import audit
from storage.database import Database


async def test_entries_are_listed_newest_first_and_outlive_their_account(db: Database, account: Any) -> None:
    for number in range(5):
        await db.write(
            lambda tx, n=number: audit.append(
                tx,
                actor_id=account.id,
                actor=account.email,
                action="model.promote",
                subject=f"v{n}",
                details={"from": "v0"} if n else None,
            )
        )
    async with db.read() as tx:
        latest = await audit.entries(tx, limit=2)
        older = await audit.entries(tx, before=latest[-1].number, limit=10)
    assert [entry.subject for entry in [*latest, *older]] == ["v4", "v3", "v2", "v1", "v0"]
    assert (latest[0].details, older[-1].details) == ({"from": "v0"}, {})
    assert (latest[0].actor_id, latest[0].actor) == (account.id, "grace@example.com")
    assert latest[0].at > older[-1].at


def test_nothing_here_changes_or_removes_an_entry() -> None:
    public = {name for name in vars(audit) if not name.startswith("_")}
    assert {"append", "entries"} <= public
    assert not {"update", "delete", "remove", "clear"} & public
