"""Every row of the table of routes, against every kind of caller and every kind of broken input.

The rows come from the application itself: a new route without an example here fails.
"""

from __future__ import annotations

import json
import re
from uuid import uuid4

import pytest

from bot.app import api_routes
from tests.bot.api.desk import OWN_PAGE, Desk
from tests.bot.api.table import EXAMPLES, MARK, ROUTES, allowed, checked, name_of, path_of, sent_to, unsafe


@pytest.fixture
async def callers(desk: Desk) -> dict[str, dict[str, str]]:
    """Headers of every kind of caller."""
    visitors = [await desk.visitor(), await desk.visitor()]
    return {
        "none": dict(OWN_PAGE),
        "customer a": visitors[0].headers,
        "customer b": visitors[1].headers,
        "viewer": await desk.signed_in("viewer"),
        "agent": await desk.signed_in("agent"),
        "admin": await desk.signed_in("admin"),
    }


def test_every_route_with_a_body_has_an_example() -> None:
    assert {name_of(row) for row in unsafe(ROUTES)} == set(EXAMPLES)
    for row in unsafe(ROUTES):
        row.body.model_validate_json(json.dumps(EXAMPLES[name_of(row)]))


def test_names_and_addresses_are_unique() -> None:
    rows = list(api_routes())
    assert len({name_of(row) for row in rows}) == len(rows)
    assert len({(row.method, row.path) for row in rows}) == len(rows)


@pytest.mark.parametrize("caller", ["none", "customer a", "viewer", "agent", "admin"])
async def test_only_the_roles_of_a_route_get_in(
    desk: Desk, callers: dict[str, dict[str, str]], caller: str
) -> None:
    for row in ROUTES:
        if name_of(row) in ("sign_out", "sign_in") and allowed(row, caller):
            continue  # it would change who we are; test_signin.py has these
        body = sent_to(row)
        response = await desk.call(row.method, path_of(row), headers=callers[caller], **body)
        await checked(row, response)
        let_in = response.status not in (401, 403)
        assert let_in == allowed(row, caller), f"{caller}: {row.method} {row.path} -> {response.status}"


async def test_unknown_ids_and_what_is_no_id_look_alike(
    desk: Desk, callers: dict[str, dict[str, str]]
) -> None:
    for row in ROUTES:
        if "{" not in row.path:
            continue
        body = sent_to(row)
        answers = []
        for wrong in (uuid4(), "1", "0" * 400, "..", "%00", str(2**63)):
            response = await desk.call(row.method, path_of(row, wrong), headers=callers["admin"], **body)
            if wrong == "..":
                continue  # the client resolves it: another path
            answers.append((response.status, await response.text()))
        assert {status for status, _ in answers} == {404}, f"{row.method} {row.path}: {answers}"
        assert len({text for _, text in answers}) == 1, f"{row.method} {row.path}"


async def test_customers_see_only_their_own(desk: Desk, callers: dict[str, dict[str, str]]) -> None:
    secret = f"my secret {MARK}"
    sent = await desk.json(
        "POST",
        "/api/customer/messages",
        status=201,
        headers=callers["customer a"],
        json={"client_msg_id": "mine", "text": secret},
    )
    for row in ROUTES:
        if row.access not in ("customer", "public"):
            continue
        body = sent_to(row)
        path = row.path + ("?after=0" if row.method == "GET" and "conversation" in row.path else "")
        response = await desk.call(row.method, path, headers=callers["customer b"], **body)
        text = await response.text()
        assert MARK not in text
        assert sent["conversation_id"] not in text


async def test_customer_tokens_are_no_key_to_the_console(
    desk: Desk, callers: dict[str, dict[str, str]]
) -> None:
    ack = await desk.json(
        "POST",
        "/api/customer/messages",
        status=201,
        headers=callers["customer a"],
        json={"client_msg_id": "mine", "text": "Hello"},
    )
    token = callers["customer a"]["Authorization"].removeprefix("Bearer ")
    for headers in (callers["customer a"], {**OWN_PAGE, "Cookie": f"deskhand={token}"}):
        for row in ROUTES:
            if not isinstance(row.access, tuple):
                continue
            body = sent_to(row)
            path = path_of(row, ack["conversation_id"])
            response = await desk.call(row.method, path, headers=headers, **body)
            assert response.status in (401, 403), f"{row.method} {row.path}"


def _broken_bodies() -> dict[str, tuple[bytes, set[int]]]:
    return {
        "not json": (b"{" + MARK.encode(), {400}),
        "empty": (b"", {400, 415}),
        "a list": (json.dumps([MARK]).encode(), {422}),
        "a text": (json.dumps(MARK).encode(), {422}),
        "null": (b"null", {422}),
        "unknown field": (json.dumps({MARK: MARK}).encode(), {422}),
        "deep": (b"[" * 30_000, {400, 422}),
        "invalid utf-8": (b'{"text": "\xff\xfe"}', {400}),
        "1 MB": (json.dumps({"text": "x" * 1_000_000}).encode(), {413}),
    }


@pytest.mark.parametrize("kind", list(_broken_bodies()))
async def test_broken_bodies_are_refused_without_an_echo(
    desk: Desk, callers: dict[str, dict[str, str]], kind: str
) -> None:
    raw, expected = _broken_bodies()[kind]
    for row in unsafe(ROUTES):
        if kind == "empty" and not row.has_body:
            continue
        headers = {**callers["admin"], **callers["customer a"], "Content-Type": "application/json"}
        response = await desk.call(row.method, path_of(row), headers=headers, data=raw)
        await checked(row, response)
        assert response.status in expected, f"{row.method} {row.path}: {response.status}"
        assert MARK not in await response.text(), f"{row.method} {row.path}"


async def test_wrong_types_in_every_field_are_refused_without_an_echo(
    desk: Desk, callers: dict[str, dict[str, str]]
) -> None:
    wrong = [MARK + "\0", {"a": MARK}, [[MARK]], 1e308, 2**70, True, -1, MARK * 2_000]
    for row in unsafe(ROUTES):
        headers = {**callers["admin"], **callers["customer a"]}
        for field in row.body.model_fields:
            for value in wrong:
                body = {**EXAMPLES[name_of(row)], field: value}
                try:
                    row.body.model_validate_json(json.dumps(body))
                    continue  # this value happens to be fine here
                except ValueError:
                    pass
                response = await desk.call(row.method, path_of(row), headers=headers, json=body)
                said = await checked(row, response)
                assert response.status == 422, f"{row.path} {field}={value!r:.40}: {response.status}"
                assert MARK not in json.dumps(said)
                assert said["errors"][0]["pointer"].startswith(f"/{field}")


async def test_lone_surrogates_and_nul_are_refused_in_every_text(
    desk: Desk, callers: dict[str, dict[str, str]]
) -> None:
    for row in unsafe(ROUTES):
        for field, example in EXAMPLES[name_of(row)].items():
            if not isinstance(example, str):
                continue
            for bad, status in (("\\ud800", 400), ("a\\u0000b", 422)):
                raw = json.dumps({**EXAMPLES[name_of(row)], field: "HERE"}).replace("HERE", bad)
                headers = {
                    **callers["admin"],
                    **callers["customer a"],
                    "Content-Type": "application/json",
                }
                response = await desk.call(row.method, path_of(row), headers=headers, data=raw)
                assert response.status == status, f"{row.path} {field} {bad}: {await response.text()}"


async def test_other_types_and_compressed_bodies_are_refused(
    desk: Desk, callers: dict[str, dict[str, str]]
) -> None:
    for row in unsafe(ROUTES):
        raw = json.dumps(EXAMPLES[name_of(row)])
        for extra in ({"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"}):
            headers = {**callers["admin"], **callers["customer a"], **extra}
            response = await desk.call(row.method, path_of(row), headers=headers, data=raw)
            assert response.status == 415, f"{row.path}: {response.status}"


async def test_bad_query_strings_are_refused_without_an_echo(
    desk: Desk, callers: dict[str, dict[str, str]]
) -> None:
    for row in ROUTES:
        if row.method != "GET":
            continue
        names = [*row.query.model_fields, MARK]
        for name in names:
            for value in (MARK, "' OR 1=1 --" + MARK, "%00" + MARK, "9" * 40, "-1"):
                headers = {**callers["admin"], **callers["customer a"]}
                response = await desk.call("GET", f"{path_of(row)}?{name}={value}", headers=headers)
                said = await checked(row, response)
                assert response.status == 422, f"{row.path}?{name}={value}: {said}"
                assert MARK not in json.dumps(said)


async def test_unsafe_methods_need_our_own_page(desk: Desk, callers: dict[str, dict[str, str]]) -> None:
    agent = callers["admin"]
    foreign: list[dict[str, str]] = [
        {"Cookie": agent["Cookie"]},
        {**agent, "Origin": "https://evil.example"},
        {**agent, "Origin": "null"},
        {**agent, "Sec-Fetch-Site": "cross-site"},
        {**agent, "Sec-Fetch-Site": "same-site"},
    ]
    for row in ROUTES:
        if row.method == "GET" or row.access in ("public", "customer"):
            continue
        for headers in foreign:
            response = await desk.call(row.method, path_of(row), headers=headers, **sent_to(row))
            assert response.status == 403, f"{row.path} {headers}"


async def test_methods_outside_the_table_are_refused(desk: Desk) -> None:
    known = {(row.method, row.path) for row in api_routes()}
    for path in {path for _, path in known}:
        for method in ("PATCH", "PUT", "DELETE", "POST", "OPTIONS", "TRACE"):
            if (method, path) not in known:
                response = await desk.call(method, re.sub(r"{\w+}", str(uuid4()), path))
                assert response.status == 405, f"{method} {path}"
                assert response.content_type == "application/problem+json"
