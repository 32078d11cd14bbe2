from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import literal, text, tuple_
from sqlalchemy.dialects import sqlite as dialect

from storage import audit
from storage.audit import Filter
from storage.columns import UtcTime
from storage.database import Database
from storage.errors import InvalidCursor
from storage.schema_admin import audit as table
from storage.stamps import now


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


async def filled(db: Database) -> list[Any]:
    made = []
    for number in range(6):
        made.append(
            await db.write(
                lambda tx, n=number: audit.append(
                    tx, actor_id=None, actor=f"a{n % 2}", action=f"act_{'xyz'[n % 3]}", subject=f"s{n}"
                )
            )
        )
    return made


async def test_entries_are_filtered_and_paged_to_the_end(db: Database) -> None:
    made = await filled(db)

    async def of(only: Filter, **page: Any) -> list[str]:
        async with db.read() as tx:
            return [entry.subject for entry in await audit.entries(tx, only=only, **page)]

    assert await of(Filter(actor="a0")) == ["s4", "s2", "s0"]
    assert await of(Filter(action="act_x")) == ["s3", "s0"]
    assert await of(Filter(actor="a1", action="act_x")) == ["s3"]
    assert await of(Filter(since=made[2].at, until=made[4].at)) == ["s3", "s2"]
    assert await of(Filter(actor="a0", since=made[2].at), before=made[4].number) == ["s2"]
    assert await of(Filter(actor="nobody")) == []
    with pytest.raises(InvalidCursor):
        await of(Filter(), before=made[-1].number + 100)


async def test_actors_and_actions_are_each_named_once(db: Database) -> None:
    async with db.read() as tx:
        assert (await audit.actors(tx), await audit.actions(tx)) == ([], [])
    await filled(db)
    async with db.read() as tx:
        assert await audit.actors(tx) == ["a0", "a1"]
        assert await audit.actions(tx) == ["act_x", "act_y", "act_z"]


@pytest.mark.parametrize(
    ("only", "index"),
    [
        (Filter(), "ix_audit_at_number"),
        (Filter(actor="a"), "ix_audit_actor_at_number"),
        (Filter(action="b"), "ix_audit_action_at_number"),
        (Filter(actor="a", action="b"), "ix_audit_actor_action_at_number"),
        (Filter(actor="a", action="b", since=now(), until=now()), "ix_audit_act"),
        (Filter(since=now(), until=now()), "ix_audit_at_number"),
    ],
)
async def test_a_page_is_read_in_the_order_of_an_index(sqlite: Database, only: Filter, index: str) -> None:
    place = tuple_(literal(now(), UtcTime()), literal(7))
    for query in (audit.page(only), audit.page(only).where(tuple_(table.c.at, table.c.number) < place)):
        compiled = query.limit(50).compile(
            dialect=dialect.dialect(paramstyle="named"), compile_kwargs={"literal_binds": True}
        )
        async with sqlite.read() as tx:
            rows = await tx.all(text(f"EXPLAIN QUERY PLAN {compiled}"))
        plan = " ".join(str(row["detail"]) for row in rows)
        assert f"INDEX {index}" in plan and "TEMP B-TREE" not in plan, plan


async def test_names_are_found_in_the_index(sqlite: Database) -> None:
    query = (
        "WITH RECURSIVE found(value) AS (SELECT min(actor) FROM audit UNION ALL SELECT (SELECT min(actor) "
        "FROM audit WHERE actor > found.value) FROM found WHERE value IS NOT NULL) SELECT value FROM found"
    )
    async with sqlite.read() as tx:
        rows = await tx.all(text(f"EXPLAIN QUERY PLAN {query}"))
    assert sum("SEARCH audit USING COVERING INDEX" in str(row["detail"]) for row in rows) == 2, rows
