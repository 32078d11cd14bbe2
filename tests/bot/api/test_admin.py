"""The admins' door: accounts, policy, runs, and that each change is in the audit log."""

from __future__ import annotations

import pytest

from tests.bot.api.desk import OWN_PAGE, Desk


@pytest.fixture
async def admin(desk: Desk) -> dict[str, str]:
    """Headers of an admin."""
    return await desk.signed_in("admin")


async def test_a_new_account_signs_in_with_its_first_password(desk: Desk, admin: dict[str, str]) -> None:
    body = {"email": "Mia@Example.com", "name": "Mia", "role": "agent"}
    made = await desk.json("POST", "/api/admin/accounts", status=201, headers=admin, json=body)
    credentials = {"email": "mia@example.com", "password": made["password"]}
    await desk.json("POST", "/api/session", headers=OWN_PAGE, json=credentials)
    await desk.json("POST", "/api/admin/accounts", status=409, headers=admin, json=body)
    listed = await desk.json("GET", "/api/admin/accounts", headers=admin)
    assert {one["email"] for one in listed["items"]} == {"admin@example.com", "mia@example.com"}


async def test_a_reset_password_ends_the_sign_ins(desk: Desk, admin: dict[str, str]) -> None:
    agent, account = await desk.signed_in("agent"), await desk.account("agent")
    path = f"/api/admin/accounts/{account.id}/password"
    password = (await desk.json("POST", path, headers=admin, json={}))["password"]
    await desk.json("GET", "/api/session", status=401, headers=agent)
    await desk.json(
        "POST", "/api/session", headers=OWN_PAGE, json={"email": account.email, "password": password}
    )


async def test_nobody_disables_themselves(desk: Desk, admin: dict[str, str]) -> None:
    account = await desk.account("admin")
    await desk.json("POST", f"/api/admin/accounts/{account.id}/disable", status=409, headers=admin, json={})


async def test_the_policy_is_in_force_from_the_next_message_on(desk: Desk, admin: dict[str, str]) -> None:
    assert await desk.json("GET", "/api/admin/policy", headers=admin) == {"mode": "draft"}
    await desk.json("PUT", "/api/admin/policy", headers=admin, json={"mode": "off"})
    assert await desk.json("GET", "/api/admin/policy", headers=admin) == {"mode": "off"}


async def test_train_now_is_a_row(desk: Desk, admin: dict[str, str]) -> None:
    made = await desk.json("POST", "/api/admin/training-runs", status=201, headers=admin, json={})
    runs = await desk.json("GET", "/api/admin/training-runs", headers=admin)
    assert [run["id"] for run in runs["items"]] == [made["run"]["id"]]
    assert runs["items"][0]["state"] == "queued"
    assert (await desk.json("GET", "/api/admin/models", headers=admin))["items"] == []


async def test_every_change_is_in_the_audit_log_without_secrets(desk: Desk, admin: dict[str, str]) -> None:
    body = {"email": "mia@example.com", "name": "Mia", "role": "viewer"}
    made = await desk.json("POST", "/api/admin/accounts", status=201, headers=admin, json=body)
    id = made["account"]["id"]
    reset = await desk.json("POST", f"/api/admin/accounts/{id}/password", headers=admin, json={})
    await desk.json("POST", f"/api/admin/accounts/{id}/disable", headers=admin, json={})
    await desk.json("PUT", "/api/admin/policy", headers=admin, json={"mode": "off"})
    first = await desk.call("GET", "/api/admin/audit?limit=3", headers=admin)
    entries = (await first.json())["items"]
    assert [entry["action"] for entry in entries] == ["policy_set", "account_disabled", "password_reset"]
    older = await desk.json("GET", f"/api/admin/audit?before={entries[-1]['number']}", headers=admin)
    assert [entry["action"] for entry in older["items"]][:2] == ["account_added", "signed_in"]
    text = await first.text() + str(older)
    assert made["password"] not in text
    assert reset["password"] not in text
