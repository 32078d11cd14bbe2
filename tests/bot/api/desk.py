"""A started Deskhand for the tests of its doors: real database and spine, fake brain, temporary pages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from aiohttp import ClientResponse, ClientWebSocketResponse, WSMsgType, web
from aiohttp.test_utils import TestClient, TestServer

from bot.api.services import SERVICES, Services
from bot.app import build_app
from bot.cli_users import add_account
from bot.models import LoadBrain
from bot.settings import Settings
from storage.records import Account, AccountRole
from tests.fakes import FakeBrain

PASSWORD = "correct-horse-battery"
OWN_PAGE = {"X-Deskhand": "1"}

Client = TestClient[web.Request, web.Application]


class Desk:
    """The application and clients of every kind of caller."""

    def __init__(self, client: Client, app: web.Application, brain: FakeBrain) -> None:
        self.client, self.app, self.brain = client, app, brain
        self._accounts: dict[str, Account] = {}

    @property
    def services(self) -> Services:
        """What the routes use."""
        return self.app[SERVICES]

    @property
    def origin(self) -> str:
        """The origin of our own pages."""
        return f"http://127.0.0.1:{self.client.port}"

    async def call(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **kwargs: Any
    ) -> ClientResponse:
        """One request without the cookies of an earlier one."""
        self.client.session.cookie_jar.clear()
        return await self.client.request(method, path, headers=headers, allow_redirects=False, **kwargs)

    async def json(self, method: str, path: str, *, status: int = 200, **kwargs: Any) -> Any:
        """The JSON of an answer with the expected status."""
        response = await self.call(method, path, **kwargs)
        text = await response.text()
        assert response.status == status, text
        return await response.json(content_type=None)

    async def visitor(self) -> Visitor:
        """A new visitor."""
        made = await self.json("POST", "/api/customer/session", status=201, json={"locale": "en"})
        return Visitor(self, made["token"], UUID(made["customer_id"]))

    async def account(self, role: AccountRole) -> Account:
        """The account of a role, made at the first call."""
        if role not in self._accounts:
            self._accounts[role] = await add_account(
                self.services.db, email=f"{role}@example.com", name=role.title(), role=role, password=PASSWORD
            )
        return self._accounts[role]

    async def signed_in(self, role: AccountRole = "agent") -> dict[str, str]:
        """Headers of a signed-in browser on our own page."""
        account = await self.account(role)
        response = await self.call(
            "POST", "/api/session", json={"email": account.email, "password": PASSWORD}, headers=OWN_PAGE
        )
        assert response.status == 200, await response.text()
        token = response.cookies["deskhand"].value
        return {**OWN_PAGE, "Cookie": f"deskhand={token}"}

    async def console(self, headers: Mapping[str, str]) -> ClientWebSocketResponse:
        """An open console that has said hello."""
        ws = await self.client.ws_connect("/api/agent/ws", headers={**headers, "Origin": self.origin})
        await ws.send_json({"type": "hello"})
        assert (await ws.receive_json(timeout=5))["type"] == "welcome"
        return ws


class Visitor:
    """A customer with their token."""

    def __init__(self, desk: Desk, token: str, customer_id: UUID) -> None:
        self._desk, self.token, self.id = desk, token, customer_id
        self.headers = {"Authorization": f"Bearer {token}"}

    async def says(self, text: str, client_msg_id: str | None = None, *, status: int = 201) -> Any:
        """Send a message over REST."""
        body = {"client_msg_id": client_msg_id or str(uuid4()), "text": text}
        return await self._desk.json(
            "POST", "/api/customer/messages", status=status, json=body, headers=self.headers
        )

    async def widget(self, last_seq: int = 0) -> tuple[ClientWebSocketResponse, Any]:
        """An open widget and its welcome."""
        ws = await self._desk.client.ws_connect("/api/customer/ws", headers={"Origin": self._desk.origin})
        await ws.send_json({"type": "hello", "token": self.token, "last_seq": last_seq})
        return ws, await ws.receive_json(timeout=5)


async def until(ws: ClientWebSocketResponse, kind: str, **expected: Any) -> Any:
    """The next event of a kind, with these values; what comes before is passed over."""
    async with asyncio.timeout(10):
        while True:
            event = await ws.receive_json()
            if event["type"] == kind and all(event.get(name) == value for name, value in expected.items()):
                return event


async def close_code(ws: ClientWebSocketResponse) -> int:
    """The close code, once what was sent before it is read."""
    async with asyncio.timeout(10):
        while True:
            message = await ws.receive()
            if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING):
                return int(ws.close_code or 0)


@asynccontextmanager
async def open_desk(
    folder: Path,
    brain: FakeBrain | None = None,
    *,
    demo: bool = True,
    load_brain: LoadBrain | None = None,
    **settings: Any,
) -> AsyncIterator[Desk]:
    """Start one with its own data folder and pages; `load_brain` is for who swaps brains."""
    pages = folder / "web"
    for name, text in _PAGES.items():
        (pages / name).parent.mkdir(parents=True, exist_ok=True)
        (pages / name).write_text(text)
    (folder / "secret.html").write_text("secret")
    used = brain or FakeBrain()
    app = build_app(
        Settings(data_dir=folder / "data", **settings),
        load_brain=load_brain or (lambda: used),
        web_dir=pages,
        demo=demo,
    )
    client = TestClient(TestServer(app))
    await client.start_server()
    try:
        yield Desk(client, app, used)
    finally:
        await client.close()


_PAGES = {
    "index.html": "<!doctype html><title>Deskhand</title>",
    "launcher.js": "// launcher",
    "widget/frame.html": "<!doctype html><title>chat</title>",
    "widget/frame.js": "export {};",
    "console/index.html": "<!doctype html><title>console</title>",
    "console/style.css": "p {}",
    "console/notes.txt": "not served",
    "demo/index.html": "<!doctype html><title>shop</title>",
}
