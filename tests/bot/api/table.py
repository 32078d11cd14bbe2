"""Examples and expectations for every row of the table of routes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import uuid4

from aiohttp import ClientResponse
from pydantic import BaseModel

from bot.api import shapes
from bot.api.openapi import problem_statuses
from bot.api.routing import Route
from bot.app import api_routes

ROUTES = [row for row in api_routes() if not row.socket]
MARK = "ZEBRA-7f3a"
"""A text that must never come back from a refused request."""

EXAMPLES: dict[str, dict[str, Any]] = {
    "new_visitor": {"locale": "en", "page_url": "https://shop.example.com/"},
    "send_message": {"client_msg_id": "m-1", "text": "Hello"},
    "ask_for_person": {},
    "sign_in": {"email": "agent@example.com", "password": "correct-horse-battery"},
    "change_password": {"current": "not the right one", "new": "another-long-password"},
    "post_message": {"client_msg_id": "m-2", "text": "Hello", "kind": "note"},
    "reject_suggestion": {"position": 0, "reason": "wrong"},
    "set_status": {"status": "open", "snoozed_until": None},
    "set_assignee": {"account_id": None},
    "take_over": {},
    "hand_back": {},
    "set_priority": {"priority": "high"},
    "set_tags": {"tags": ["vip"]},
    "add_account": {"email": "new@example.com", "name": "New", "role": "agent"},
    "set_role": {"role": "viewer"},
    "disable_account": {},
    "enable_account": {},
    "reset_password": {},
    "set_policy": {"mode": "draft"},
    "set_rules": {
        "channel": "default",
        "hours": {"zone": "Europe/London", "week": {"mon": ["09:00-17:00"]}, "closed_on": ["2026-12-25"]},
        "sensitive": ["privacy_request"],
        "languages": ["en"],
        "anger": "very",
    },
    "set_automatic": {"mode": "draft", "tolerated": 5},
    "judge_reply": {"verdict": "right"},
    "request_run": {},
    "cancel_run": {},
    "set_schedule": {"when": "nightly", "hour": 3},
    "read_again": {"format": "table", "source": "old desk", "columns": {"text": "Body"}},
    "start_import": {"skip_broken": True},
    "cancel_import": {},
    "discard_import": {},
    "promote_model": {"version": "starter"},
    "roll_back_model": {},
    "compare_models": {"left": "starter", "right": "2026-01-01-1"},
    "note_picks": {"left": "starter", "right": "2026-01-01-1", "for_left": 2, "for_right": 5, "equal": 3},
    "try_in_shadow": {"version": "2026-11-29-1"},
    "serve_as_canary": {"version": "2026-11-29-1", "percent": 5},
    "stop_stage": {},
    "search_articles": {},
    "approve_draft": {"slug": "returns", "title": "Returns", "body": "30 days.", "intent": None},
    "dismiss_draft": {},
    "search_intents": {},
    "name_intent": {"started_at": "2026-01-01T00:00:00+00:00", "group": "0", "name": "engraving"},
    "remove_intent": {},
    "erase_customer": {},
    "sign_out": {},
    "add_canned": {"shortcut": "hello", "title": "Hello", "text": "Hello there"},
    "change_canned": {"shortcut": "hello", "title": "Hello", "text": "Hello there"},
    "remove_canned": {},
    "add_article": {"slug": "returns", "title": "Returns", "body": "30 days.", "intent": "return_start"},
    "change_article": {"slug": "returns", "title": "Returns", "body": "30 days.", "intent": None},
    "remove_article": {},
}


def name_of(row: Route) -> str:
    return row.handler.__name__


def path_of(row: Route, id: object = None) -> str:
    return re.sub(r"{\w+}", str(id or uuid4()), row.path)


def statuses_of(row: Route) -> set[int]:
    return {*row.responses, *problem_statuses(row)}


async def checked(row: Route, response: ClientResponse) -> Any:
    """The answer's JSON: of a documented status, of the documented shape, without anything more."""
    where = f"{row.method} {row.path} -> {response.status}"
    text = await response.text()
    assert response.status in statuses_of(row), f"{where} is not documented: {text}"
    model: type[BaseModel] | None = row.responses.get(response.status)
    if response.status in row.responses and model is None:
        assert "attachment" in response.headers["Content-Disposition"], where
        return None
    if model is None:
        assert response.content_type == "application/problem+json", where
        model = shapes.Problem
    model.model_validate_json(text)
    assert response.headers["Cache-Control"] == "no-store", where
    assert response.headers["X-Content-Type-Options"] == "nosniff", where
    return json.loads(text)


def allowed(row: Route, caller: str) -> bool:
    if row.access == "public":
        return True
    if row.access == "own page":
        return not caller.startswith("customer")
    if row.access == "customer":
        return caller.startswith("customer")
    return caller in row.access


def unsafe(rows: Iterable[Route]) -> Iterator[Route]:
    """Those that take JSON; what takes a file has tests of its own."""
    return (row for row in rows if row.method != "GET" and not row.raw)


def sent_to(row: Route) -> dict[str, Any]:
    """What goes with a request to this route, if anything."""
    if row.method == "GET":
        return {}
    return {"data": b"x"} if row.raw else {"json": EXAMPLES[name_of(row)]}
