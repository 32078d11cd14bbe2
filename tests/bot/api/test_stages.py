"""Candidates that are tried, over the api: begun, watched with figures, stopped, and written down."""

from __future__ import annotations

import pytest

from bot.api.shapes_stages import Stages
from storage import audit
from tests.bot.api.desk import Desk
from tests.bot.staged import CANDIDATE, publish
from tests.fakes import FakeBrain, until


@pytest.fixture
async def admin(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Headers of an admin of a desk that has a candidate."""
    await until(lambda: desk.services.state.brain_ready)
    publish(desk.services.settings.data_dir, CANDIDATE)
    monkeypatch.setattr(desk.services.brains, "_load_brain", lambda: FakeBrain(CANDIDATE))
    return await desk.signed_in("admin")


async def now(desk: Desk, admin: dict[str, str]) -> Stages:
    found = await desk.json("GET", "/api/admin/models/stages", headers=admin)
    return Stages.model_validate(found, strict=False)


async def test_a_candidate_goes_from_shadow_to_canary_and_is_stopped(
    desk: Desk, admin: dict[str, str]
) -> None:
    assert (await now(desk, admin)).running is None
    body = {"version": CANDIDATE, "percent": 40}
    begun = await desk.json("POST", "/api/admin/models/shadow", headers=admin, json=body)
    assert (begun["stage"]["percent"], begun["stage"]["champion"]) == (40.0, "fake-1")
    found = await now(desk, admin)
    assert found.loaded and found.megabytes == 0.0 and found.canary is None
    assert found.shadow is not None and found.shadow.own.said.startswith("too few yet: at least 20")
    assert found.running is not None and (found.running.next_look, found.running.ready) == (50, False)
    again = await desk.json("POST", "/api/admin/models/shadow", status=409, headers=admin, json=body)
    assert again["detail"] == f"{CANDIDATE} is in shadow; stop it first."
    await desk.json("POST", "/api/admin/models/canary", headers=admin, json={"version": CANDIDATE})
    found = await now(desk, admin)
    assert found.running is not None and (found.running.kind, found.running.percent) == ("canary", 10.0)
    assert found.canary is not None and found.canary.candidate.decisions == 0
    assert [(one.kind, one.state) for one in found.ended] == [("shadow", "passed")]
    await desk.json("POST", "/api/admin/models/stages/stop", headers=admin, json={})
    found = await now(desk, admin)
    assert found.running is None and found.ended[0].state == "stopped"
    await desk.json("POST", "/api/admin/models/stages/stop", status=409, headers=admin, json={})
    async with desk.services.db.read() as tx:
        log = [entry for entry in await audit.entries(tx, limit=20) if entry.subject == f"model:{CANDIDATE}"]
    actions = ["model_canary_stopped", "model_canary_begun", "model_shadow_passed_on", "model_shadow_begun"]
    assert [entry.action for entry in log] == actions
    assert log[-1].actor == "admin@example.com" and log[-1].details == {"percent": 40.0}


async def test_what_can_not_begin_is_answered_with_the_reason(desk: Desk, admin: dict[str, str]) -> None:
    body = {"version": "2020-01-01-1"}
    told = await desk.json("POST", "/api/admin/models/shadow", status=409, headers=admin, json=body)
    assert "no model version is called" in str(told["detail"]).lower()
    for percent in (0, 51, "ten"):
        body = {"version": CANDIDATE, "percent": percent}
        await desk.json("POST", "/api/admin/models/canary", status=422, headers=admin, json=body)
    assert (await now(desk, admin)).running is None
