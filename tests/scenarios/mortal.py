"""The whole server in a process of its own, made to be killed: python -m tests.scenarios.mortal FOLDER PORT.

Everything is real but the models and the far end of the web channel: that is a file to which each
message is written as it goes out, and which is looked at first when an earlier try is in doubt.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from bot import app as parts
from bot import serve
from bot.channels.web import WebChannel
from bot.live import Live
from bot.messages import Outbound, Sent
from bot.settings import Settings
from storage.database import Database
from tests.fakes import FakeBrain


class PaperChannel(WebChannel):
    """Shows messages to open widgets as the real one does, and writes them down to be looked at."""

    def __init__(self, db: Database, live: Live, paper: Path) -> None:
        super().__init__(db, live)
        self._paper = paper

    async def send(self, message: Outbound) -> Sent:
        """Write it down, then take long to say so: a kill mostly falls in between."""
        line = str(message.message_id)
        if message.uncertain and self._paper.exists() and line in self._paper.read_text().splitlines():
            return Sent(line)
        with self._paper.open("a") as paper:
            paper.write(line + "\n")
            paper.flush()
            os.fsync(paper.fileno())
        await super().send(message)
        await asyncio.sleep(0.15)
        return Sent(line)


def brain() -> FakeBrain:
    """Quick, but not at once."""
    made = FakeBrain()
    made.delay = 0.01
    return made


async def live_until_killed(folder: Path, port: int) -> None:
    """Serve for ever."""
    vars(parts)["WebChannel"] = lambda db, live: PaperChannel(db, live, folder / "sent.txt")
    settings = Settings(data_dir=folder, port=port, policy_mode="automatic")
    await serve.open_doors(serve.make_runner(parts.build_app(settings, load_brain=brain)), settings)
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(live_until_killed(Path(sys.argv[1]), int(sys.argv[2])))
