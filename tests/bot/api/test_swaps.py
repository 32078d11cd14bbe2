"""Twenty swaps while customers write: all are answered, each by one version from reading to last draft."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.app import DB
from nlp.registry import Registry
from nlp.types import Analysis, Draft, ReplyRequest
from storage import work
from storage.schema import analyses, candidates, suggestions
from tests.bot.api.desk import Desk, open_desk
from tests.fakes import FakeBrain, draft, reading, until

SWAPS, AT_ONCE = 20, 6
NAMES = ("2026-11-29-1", "2026-11-29-2")


class TellingBrain(FakeBrain):
    """Its readings and drafts say which brain made them, and after whose reading."""

    def understand(self, texts: Sequence[str]) -> list[Analysis]:
        self._work()
        return [reading(text, intent=self.version) for text in texts]

    def suggest(self, requests: Sequence[ReplyRequest]) -> list[list[Draft]]:
        self._work()
        return [
            [
                draft(f"{self.version} after {one.analysis.intent.name}, {n}", score=0.9 - n / 10)
                for n in range(3)
            ]
            for one in requests
        ]


class Shelf:
    """A loader of brains that are numbered, and who of them is still about."""

    def __init__(self) -> None:
        self.loaded: list[weakref.ref[FakeBrain]] = []

    def __call__(self) -> FakeBrain:
        brain = TellingBrain(f"brain-{len(self.loaded)}")
        brain.delay = 0.002
        self.loaded.append(weakref.ref(brain))
        return brain

    @property
    def about(self) -> int:
        gc.collect()
        return sum(brain() is not None for brain in self.loaded)


@pytest.mark.slow
async def test_twenty_swaps_under_load_fail_nothing_and_mix_nothing(tmp_path: Path) -> None:
    shelf = Shelf()
    async with open_desk(tmp_path, load_brain=shelf, visitors_per_minute=100_000) as desk:
        admin = await desk.signed_in("admin")
        publish(desk)
        writing = True
        sent: list[str] = []

        async def customers(number: int) -> None:
            while writing:
                visitor = await desk.visitor()
                for _ in range(1 + number % 2):  # some overtake their own message
                    sent.append((await visitor.says("Where is my order TT-104823?"))["id"])

        at_once = [asyncio.create_task(customers(number)) for number in range(AT_ONCE)]
        for number in range(SWAPS):
            before = len(sent)
            path, body = ("rollback", {}) if number % 2 else ("promote", {"version": NAMES[1]})
            done = await desk.json("POST", f"/api/admin/models/{path}", headers=admin, json=body)
            assert done["version"]["version"] == NAMES[(number + 1) % 2]
            await until(lambda before=before: len(sent) > before + AT_ONCE)
        writing = False
        await asyncio.gather(*at_once)
        await settled(desk)
        assert len(shelf.loaded) == SWAPS + 1
        await judged(desk, sent)
        await until(lambda: shelf.about == 1)


def publish(desk: Desk) -> None:
    folder = desk.services.settings.data_dir
    made = folder / "made"
    made.mkdir()
    (made / "note.json").write_text("{}")
    for name in NAMES:
        Registry(folder / "models").publish(name, made, {})
    Registry(folder / "models").promote(NAMES[0])


async def settled(desk: Desk) -> None:
    async with asyncio.timeout(30):
        while True:
            async with desk.app[DB].read() as tx:
                if not await work.depth(tx):
                    return
            await asyncio.sleep(0.05)


async def judged(desk: Desk, sent: Sequence[str]) -> None:
    """Every message has its suggestion, or was overtaken; all of it by the version that is recorded."""
    async with desk.app[DB].read() as tx:
        made = await tx.all(select(suggestions))
        texts = await tx.all(select(candidates.c.suggestion_id, candidates.c.text))
        read = await tx.all(select(analyses.c.message_id, analyses.c.model_version, analyses.c.intent))
    assert {str(one["message_id"]) for one in made} == set(sent) and len(made) == len(sent)
    version_of = {one["id"]: one["model_version"] for one in made}
    assert "none" not in version_of.values()
    for one in texts:
        version = version_of[one["suggestion_id"]]
        assert one["text"].startswith(f"{version} after {version}, ")
    readers = {one["message_id"]: (one["model_version"], one["intent"]) for one in read}
    assert all(readers[one["message_id"]] == (one["model_version"],) * 2 for one in made)
    drafted = {version_of[one["suggestion_id"]] for one in texts}
    assert len(drafted) > SWAPS // 2, "the brains in between have drafted, too"
