"""A whole house in a process of its own, made to be killed: python -m tests.scenarios.mortal FOLDER.

Reads one JSON message a line from stdin and prints its client_msg_id once it is acknowledged. Its
channel writes what it sends to a file, and looks there first when an earlier try is in doubt.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from uuid import UUID

from bot.casefile import FLOOR_KEY, MODE_KEY
from bot.conversation import Conversation
from bot.delivery import Delivery
from bot.live import Live
from bot.messages import Channel, ChannelName, Inbound, Outbound, Sent
from bot.policy import Policy
from bot.worker import Worker
from storage import settings_store
from storage.database import Database
from tests.fakes import FakeBrain, FakeServing


class PaperChannel:
    """Sends by writing a line; the far side of it can be looked at."""

    name: ChannelName = "web"

    def __init__(self, paper: Path) -> None:
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
        await asyncio.sleep(0.15)
        return Sent(line)


async def live_until_killed(folder: Path) -> None:
    """Serve stdin for ever."""
    db = await Database.open(f"sqlite:///{folder / 'mortal.sqlite3'}")
    await db.write(lambda tx: settings_store.put_setting(tx, MODE_KEY, "automatic"))
    await db.write(lambda tx: settings_store.put_setting(tx, FLOOR_KEY, 0.5))
    brain, live = FakeBrain(), Live()
    brain.delay = 0.01
    conversation = Conversation(db, FakeServing(brain), Policy(), live)
    channels: dict[str, Channel] = {"web": PaperChannel(folder / "sent.txt")}
    await Worker(db, conversation, node="mortal", at_once=4).start()
    await Delivery(db, channels, live, node="mortal", due=conversation.delivery_due).start()
    print("ready", flush=True)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin.buffer
    )
    # Several at once, as from many widgets.
    tasks = set()
    while line := await lines.readline():
        task = asyncio.create_task(take(conversation, json.loads(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.Event().wait()


async def take(conversation: Conversation, said: dict[str, str]) -> None:
    """Receive one message and acknowledge it."""
    received = await conversation.receive(
        Inbound("web", UUID(said["customer"]), said["text"], said["client_msg_id"])
    )
    print(received.message.client_msg_id, flush=True)


if __name__ == "__main__":
    asyncio.run(live_until_killed(Path(sys.argv[1])))
