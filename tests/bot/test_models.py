"""What finds and ranks the demo shop's replies: what was made for it, until a version has learned its own."""

from __future__ import annotations

import shutil
from pathlib import Path

from bot.models import chooses_for_any_shop
from nlp.ranking import FILE
from nlp.registry import STARTER, STARTER_FOLDER, Version, verify


def copy(to: Path) -> Version:
    shutil.copytree(STARTER_FOLDER / "reply", to / "reply")
    return Version("v2", to, {})


def test_the_starter_and_what_only_reads_otherwise_choose_for_any_shop(tmp_path: Path) -> None:
    assert chooses_for_any_shop(verify(STARTER_FOLDER, STARTER))
    assert chooses_for_any_shop(copy(tmp_path / "v2"))


def test_a_version_with_a_learned_score_keeps_it(tmp_path: Path) -> None:
    taught = copy(tmp_path / "v2")
    shutil.copy(Path("bot/demo") / FILE, taught.reply / FILE)
    assert not chooses_for_any_shop(taught)
