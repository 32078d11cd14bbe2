"""Drafts of articles over the api: edited and published, dismissed, and each decided on once."""

from __future__ import annotations

from typing import Any

import pytest

from bot.api.article_drafts import slug_of
from storage import article_drafts as stored
from storage import conversations
from storage.article_drafts import Proposal
from tests.bot.api.desk import Desk
from tests.fakes import until

PLACE = "/api/admin/article-drafts"


@pytest.fixture
async def admin(desk: Desk) -> dict[str, str]:
    """Headers of an admin."""
    return await desk.signed_in("admin")


async def proposed(desk: Desk) -> Any:
    """A draft of one conversation."""
    made = await desk.services.db.write(
        lambda tx: conversations.import_conversation(
            tx, external_id="z1", turns=[("customer", "Can you engrave it?", None)]
        )
    )
    draft = Proposal("Can you engrave it?", "Yes.\nWe can.", (made.conversation.id,), 1, 0.41, "Returns")
    await desk.services.db.write(lambda tx: stored.propose(tx, [draft]))


async def test_a_draft_is_edited_published_and_indexed(desk: Desk, admin: dict[str, str]) -> None:
    await until(lambda: desk.services.state.brain_ready)
    await proposed(desk)
    (draft,) = (await desk.json("GET", PLACE, headers=admin))["items"]
    assert (draft["slug"], draft["best_score"]) == ("can-you-engrave-it", 0.41)
    loaded: list[str] = []
    swap = desk.services.serving.swap

    async def counted(load: Any) -> None:
        loaded.append("again")
        await swap(load)

    desk.services.serving.swap = counted  # type: ignore[method-assign]
    body = {"slug": "engraving", "title": "Engraving", "body": "Yes, we can.", "intent": None}
    article = await desk.json("POST", f"{PLACE}/{draft['id']}/approve", status=201, headers=admin, json=body)
    assert article["title"] == "Engraving"
    await until(lambda: loaded == ["again"])
    assert [one["slug"] for one in (await desk.json("GET", "/api/articles", headers=admin))["items"]] == [
        "engraving"
    ]
    assert (await desk.json("GET", PLACE, headers=admin))["items"] == []
    for verb, sent in (("approve", {**body, "slug": "other"}), ("dismiss", {})):
        said = await desk.json("POST", f"{PLACE}/{draft['id']}/{verb}", status=409, headers=admin, json=sent)
        assert "already" in said["detail"]
    log = (await desk.json("GET", "/api/admin/audit", headers=admin))["items"]
    assert (log[0]["action"], log[0]["details"]) == ("article_approved", "slug: engraving")
    assert len((await desk.json("GET", "/api/articles", headers=admin))["items"]) == 1


async def test_a_taken_address_loses_nothing(desk: Desk, admin: dict[str, str]) -> None:
    await proposed(desk)
    (draft,) = (await desk.json("GET", PLACE, headers=admin))["items"]
    body = {"slug": "returns", "title": "Returns", "body": "30 days.", "intent": None}
    await desk.json("POST", "/api/admin/articles", status=201, headers=admin, json=body)
    said = await desk.json("POST", f"{PLACE}/{draft['id']}/approve", status=409, headers=admin, json=body)
    assert "address" in said["detail"]
    assert len((await desk.json("GET", PLACE, headers=admin))["items"]) == 1


async def test_a_dismissed_draft_is_gone_and_written_down(desk: Desk, admin: dict[str, str]) -> None:
    await proposed(desk)
    (draft,) = (await desk.json("GET", PLACE, headers=admin))["items"]
    await desk.json("POST", f"{PLACE}/{draft['id']}/dismiss", headers=admin, json={})
    assert (await desk.json("GET", PLACE, headers=admin))["items"] == []
    log = (await desk.json("GET", "/api/admin/audit", headers=admin))["items"]
    assert log[0]["said"] == "dismissed a drafted help article" and log[0]["details"] == ""


async def test_admins_search_and_agents_do_not(desk: Desk, admin: dict[str, str]) -> None:
    await until(lambda: desk.services.state.brain_ready)
    await desk.json("POST", "/api/admin/article-searches", status=202, headers=admin, json={})
    said = await desk.json("GET", PLACE, headers=admin)
    assert said["search"]["state"] in ("running", "done")
    agent = await desk.signed_in("agent")
    await desk.json("POST", "/api/admin/article-searches", status=403, headers=agent, json={})
    await desk.json("GET", PLACE, status=403, headers=agent)


def test_a_title_becomes_an_address() -> None:
    assert slug_of("Können wir's gravieren?") == "konnen-wir-s-gravieren"
    assert slug_of("退货") == "article"
    assert len(slug_of("word " * 50)) <= 80
