"""The admins' page of people: accounts are added, changed, locked out and let in; one admin stays."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from storage import accounts
from storage.database import Database
from storage.errors import LastAdmin
from tests.bot.api.desk import OWN_PAGE, PASSWORD, Desk, close_code

PLACE = "/api/admin/accounts"


@pytest.fixture
async def admin(desk: Desk) -> dict[str, str]:
    """Headers of an admin."""
    return await desk.signed_in("admin")


async def added(desk: Desk, admin: dict[str, str], **changes: Any) -> Any:
    body = {"email": "mia@example.com", "name": "Mia", "role": "agent"} | changes
    return await desk.json("POST", PLACE, status=201, headers=admin, json=body)


async def sign_in(desk: Desk, email: str, password: str) -> dict[str, str]:
    response = await desk.call(
        "POST", "/api/session", headers=OWN_PAGE, json={"email": email, "password": password}
    )
    assert response.status == 200, await response.text()
    return {**OWN_PAGE, "Cookie": f"deskhand={response.cookies['deskhand'].value}"}


async def test_a_given_password_opens_nothing_until_it_is_changed(desk: Desk, admin: dict[str, str]) -> None:
    made = await added(desk, admin)
    assert made["account"]["must_change"] and made["account"]["last_signed_in_at"] is None
    mia = await sign_in(desk, "mia@example.com", made["password"])
    assert (await desk.json("GET", "/api/session", headers=mia))["account"]["must_change"]
    refused = await desk.json("GET", "/api/conversations", status=403, headers=mia)
    assert refused["code"] == "password-given"
    body = {"current": made["password"], "new": "a-long-one-of-my-own"}
    changed = await desk.call("POST", "/api/session/password", headers=mia, json=body)
    assert changed.status == 200
    mine = {**OWN_PAGE, "Cookie": f"deskhand={changed.cookies['deskhand'].value}"}
    await desk.json("GET", "/api/conversations", headers=mine)
    listed = {one["email"]: one for one in (await desk.json("GET", PLACE, headers=admin))["items"]}
    assert not listed["mia@example.com"]["must_change"]
    assert listed["mia@example.com"]["last_signed_in_at"] > listed["mia@example.com"]["created_at"]


async def test_the_given_password_is_no_password_of_ones_own(desk: Desk, admin: dict[str, str]) -> None:
    made = await added(desk, admin)
    mia = await sign_in(desk, "mia@example.com", made["password"])
    body = {"current": made["password"], "new": made["password"]}
    said = await desk.json("POST", "/api/session/password", status=422, headers=mia, json=body)
    assert said["errors"][0]["pointer"] == "/new"


async def test_a_taken_address_says_what_to_do(desk: Desk, admin: dict[str, str]) -> None:
    await added(desk, admin)
    body = {"email": "MIA@example.com", "name": "Mia", "role": "agent"}
    said = await desk.json("POST", PLACE, status=409, headers=admin, json=body)
    assert "already" in said["detail"]


async def test_a_new_role_holds_at_once_and_closes_open_consoles(desk: Desk, admin: dict[str, str]) -> None:
    agent, account = await desk.signed_in("agent"), await desk.account("agent")
    console = await desk.console(agent)
    body = {"role": "viewer"}
    changed = await desk.json("POST", f"{PLACE}/{account.id}/role", headers=admin, json=body)
    assert changed["account"]["role"] == "viewer"
    assert await close_code(console) == 1008
    await desk.json("GET", "/api/session", status=401, headers=agent)
    log = (await desk.json("GET", "/api/admin/audit", headers=admin))["items"]
    assert log[0]["said"] == "changed the role of agent@example.com"
    assert log[0]["details"] == "before: agent; role: viewer"
    await desk.json("POST", f"{PLACE}/{account.id}/role", headers=admin, json=body)
    again = (await desk.json("GET", "/api/admin/audit", headers=admin))["items"]
    assert again[0]["number"] == log[0]["number"], "what changes nothing is not written down"


async def test_disabling_closes_open_consoles_and_enabling_lets_in_again(
    desk: Desk, admin: dict[str, str]
) -> None:
    agent, account = await desk.signed_in("agent"), await desk.account("agent")
    console = await desk.console(agent)
    await desk.json("POST", f"{PLACE}/{account.id}/disable", headers=admin, json={})
    assert await close_code(console) == 1008
    await desk.json("GET", "/api/session", status=401, headers=agent)
    enabled = await desk.json("POST", f"{PLACE}/{account.id}/enable", headers=admin, json={})
    assert not enabled["account"]["disabled"]
    await desk.json("GET", "/api/session", status=401, headers=agent)
    await desk.json("GET", "/api/conversations", headers=await sign_in(desk, account.email, PASSWORD))
    log = (await desk.json("GET", "/api/admin/audit", headers=admin))["items"]
    assert {"account_disabled", "account_enabled"} <= {entry["action"] for entry in log}


async def test_the_last_admin_stays_one(desk: Desk, admin: dict[str, str]) -> None:
    account = await desk.account("admin")
    path = f"{PLACE}/{account.id}/role"
    said = await desk.json("POST", path, status=409, headers=admin, json={"role": "agent"})
    assert "last admin" in said["detail"]
    made = await added(desk, admin, role="admin")
    await desk.json("POST", f"{PLACE}/{made['account']['id']}/disable", headers=admin, json={})
    await desk.json("POST", path, status=409, headers=admin, json={"role": "agent"})
    await desk.json("POST", f"{PLACE}/{made['account']['id']}/enable", headers=admin, json={})
    await desk.json("POST", path, headers=admin, json={"role": "agent"})
    await desk.json("GET", "/api/session", status=401, headers=admin)


async def test_of_two_admins_who_lock_each_other_out_one_stays(house_url: str) -> None:
    db = await Database.open(house_url, migrate=False)
    pair = [
        await db.write(
            lambda tx, n=name: accounts.create_account(
                tx, email=f"{n}@example.com", name=n, role="admin", password_hash="none"
            )
        )
        for name in ("ada", "bea")
    ]
    done = await asyncio.gather(
        *(db.write(lambda tx, one=who: accounts.disable(tx, one.id)) for who in pair),
        return_exceptions=True,
    )
    async with db.read() as tx:
        left = [one for one in await accounts.list_accounts(tx) if not one.disabled]
    await db.close()
    assert len(left) == 1
    assert [type(one) for one in done if isinstance(one, BaseException)] == [LastAdmin]
