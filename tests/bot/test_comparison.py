"""Two real versions, really drafting in a process of their own, over a shop's log."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bot.comparison import Comparison
from bot.models import shipped_loader
from bot.settings import Settings
from nlp.registry import STARTER_FOLDER, Registry
from storage import conversations
from tests.bot.house import House

NAME = "2026-11-29-1"
ASKED = (
    ("Do you engrave the brass lamp?", "We engrave brass lamps with up to twelve letters."),
    ("Where is my parcel?", "I have asked the courier where your parcel is."),
    ("Can I send the lamp back?", "You can send it back within thirty days."),
    ("Is the rug in stock again?", "The rug is in stock again next week."),
)


@pytest.mark.slow
@pytest.mark.parametrize("house_url", ["sqlite"], indirect=True)
async def test_real_versions_draft_without_the_true_reply(house: House, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    for number, (asked, answered) in enumerate(ASKED):
        turns = [("customer", asked, None), ("agent", answered, None)]
        await house.db.write(
            lambda tx, n=number, t=turns: conversations.import_conversation(tx, external_id=f"c{n}", turns=t)
        )
    (await shipped_loader(house.db, settings))()  # what a node that serves has left in its index
    shutil.copytree(STARTER_FOLDER, tmp_path / "made")
    (tmp_path / "made" / "manifest.json").unlink()
    Registry(tmp_path / "models").publish(NAME, tmp_path / "made", {})
    kept = {path: path.read_bytes() for path in (tmp_path / "index").iterdir()}
    compared = Comparison(house.db, settings, demo=False)
    async with compared.lines("starter", NAME, skip=0, count=10) as lines:
        told = [line async for line in lines]
    assert told[-1] == {"kind": "done", "more": False}
    seen = [line["moment"] for line in told if line["kind"] == "moment"]
    assert {one["reply"] for one in seen} == {answered for _, answered in ASKED}
    for one in seen:
        assert one["left"] == one["right"] and one["closer"] == "equal", "the same weights draft alike"
        assert one["reply"] not in json.dumps(one["left"])
    assert any(one["left"] for one in seen)
    assert {path: path.read_bytes() for path in (tmp_path / "index").iterdir()} == kept
