"""Signing in: tries are counted, tokens are new, and every end of a sign-in is an end."""

from __future__ import annotations

from pathlib import Path

from storage import accounts
from tests.bot.api.desk import OWN_PAGE, PASSWORD, Desk, open_desk


async def test_a_wrong_password_and_an_unknown_address_look_alike(desk: Desk) -> None:
    await desk.account("agent")
    answers = []
    for email, password in (("agent@example.com", "wrong-password"), ("nobody@example.com", PASSWORD)):
        response = await desk.call(
            "POST", "/api/session", headers=OWN_PAGE, json={"email": email, "password": password}
        )
        answers.append((response.status, await response.text(), response.cookies.output()))
    assert answers[0] == answers[1]
    assert answers[0][0] == 401


async def test_the_eleventh_try_is_refused_even_with_the_right_password(desk: Desk) -> None:
    await desk.account("agent")
    body = {"email": "agent@example.com", "password": "wrong-password"}
    statuses = [
        (await desk.call("POST", "/api/session", headers=OWN_PAGE, json=body)).status for _ in range(10)
    ]
    assert statuses == [401] * 10
    response = await desk.call("POST", "/api/session", headers=OWN_PAGE, json={**body, "password": PASSWORD})
    assert response.status == 429
    assert int(response.headers["Retry-After"]) == 900
    await desk.signed_in("admin")


async def test_every_sign_in_has_a_new_token_and_only_its_hash_is_stored(desk: Desk) -> None:
    first, second = await desk.signed_in("agent"), await desk.signed_in("agent")
    assert first["Cookie"] != second["Cookie"]
    token = first["Cookie"].removeprefix("deskhand=")
    assert len(token) == 43
    for file in desk.services.settings.data_dir.iterdir():
        assert token.encode() not in file.read_bytes()


async def test_a_token_given_by_the_browser_is_not_taken_over(desk: Desk) -> None:
    account = await desk.account("agent")
    chosen = "A" * 43
    response = await desk.call(
        "POST",
        "/api/session",
        headers={**OWN_PAGE, "Cookie": f"deskhand={chosen}"},
        json={"email": account.email, "password": PASSWORD},
    )
    assert response.cookies["deskhand"].value != chosen
    refused = await desk.call("GET", "/api/session", headers={"Cookie": f"deskhand={chosen}"})
    assert refused.status == 401


async def test_the_cookie_is_for_this_host_and_not_for_scripts(tmp_path: Path) -> None:
    async with open_desk(tmp_path, public_url="https://help.example.com") as desk:
        account = await desk.account("agent")
        response = await desk.call(
            "POST",
            "/api/session",
            headers={**OWN_PAGE, "Origin": "https://help.example.com"},
            json={"email": account.email, "password": PASSWORD},
        )
        cookie = response.cookies["__Host-deskhand"]
        assert cookie["secure"] and cookie["httponly"]
        assert (cookie["samesite"], cookie["path"], cookie["domain"]) == ("Lax", "/", "")
        assert "Strict-Transport-Security" in response.headers


async def test_signing_out_ends_this_sign_in_only(desk: Desk) -> None:
    first, second = await desk.signed_in("agent"), await desk.signed_in("agent")
    await desk.json("DELETE", "/api/session", headers=first)
    await desk.json("GET", "/api/session", status=401, headers=first)
    await desk.json("GET", "/api/session", headers=second)


async def test_a_new_password_ends_every_sign_in_and_starts_one(desk: Desk) -> None:
    first, second = await desk.signed_in("agent"), await desk.signed_in("agent")
    body = {"current": PASSWORD, "new": "another-long-password"}
    response = await desk.call("POST", "/api/session/password", headers=first, json=body)
    assert response.status == 200
    fresh = {"Cookie": f"deskhand={response.cookies['deskhand'].value}"}
    await desk.json("GET", "/api/session", status=401, headers=first)
    await desk.json("GET", "/api/session", status=401, headers=second)
    await desk.json("GET", "/api/session", headers=fresh)


async def test_a_disabled_account_is_out_at_once(desk: Desk) -> None:
    admin, agent = await desk.signed_in("admin"), await desk.signed_in("agent")
    account = await desk.account("agent")
    await desk.json("POST", f"/api/admin/accounts/{account.id}/disable", headers=admin, json={})
    await desk.json("GET", "/api/session", status=401, headers=agent)
    response = await desk.call(
        "POST", "/api/session", headers=OWN_PAGE, json={"email": account.email, "password": PASSWORD}
    )
    assert response.status == 401


async def test_an_idle_sign_in_ends(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        agent = await desk.signed_in("agent")
        async with desk.services.db.read() as tx:
            assert await accounts.find_session(tx, b"none", idle_seconds=1) is None
        object.__setattr__(desk.services.settings, "session_idle_hours", 0)
        await desk.json("GET", "/api/session", status=401, headers=agent)


async def test_bytes_that_are_no_text_in_headers_do_no_harm(desk: Desk) -> None:
    account = await desk.account("agent")
    response = await desk.call(
        "POST",
        "/api/session",
        headers={**OWN_PAGE, "User-Agent": "caf\udce9 \udcff"},
        json={"email": account.email, "password": PASSWORD},
    )
    assert response.status == 200
    odd = {"Cookie": "deskhand=" + "\udcff" * 43, "Authorization": "Bearer " + "\udcff" * 43}
    assert (await desk.call("GET", "/api/session", headers=odd)).status == 401
    assert (await desk.call("GET", "/api/customer/conversation", headers=odd)).status == 401
