"""Help articles and prepared replies: agents read them, admins keep them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bot.api.desk import Desk

CANNED = {"shortcut": "hello", "title": "Hello", "text": "Hello there"}
ARTICLE = {"slug": "returns", "title": "Returns", "body": "Within 30 days.", "intent": None}


@pytest.mark.parametrize(
    ("read", "written", "example", "changed"),
    [
        ("/api/canned", "/api/admin/canned", CANNED, {"text": "Hi"}),
        ("/api/articles", "/api/admin/articles", ARTICLE, {"body": "Within 60 days."}),
    ],
)
async def test_admins_write_what_agents_read(
    desk: Desk, read: str, written: str, example: dict[str, Any], changed: dict[str, Any]
) -> None:
    admin, agent = await desk.signed_in("admin"), await desk.signed_in("agent")
    made = await desk.json("POST", written, status=201, headers=admin, json=example)
    await desk.json("POST", written, status=409, headers=admin, json=example)
    assert (await desk.json("GET", read, headers=agent))["items"] == [made]
    place = f"{written}/{made['id']}"
    again = await desk.json("PUT", place, headers=admin, json={**example, **changed})
    assert again.items() >= changed.items()
    await desk.json("DELETE", place, headers=admin)
    await desk.json("DELETE", place, status=404, headers=admin)
    assert (await desk.json("GET", read, headers=agent))["items"] == []
