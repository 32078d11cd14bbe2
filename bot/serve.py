"""`deskhand serve`: starts the application, says where it is, and stops it in good order.

At SIGTERM: /ready says 503, then no new connections, sockets close with 1001, running work ends, exit 0.
"""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import logging
import os
import signal
import sys
import threading
from typing import Any

from aiohttp import web

from bot import demo_shop
from bot.api.services import SERVICES
from bot.app import build_app
from bot.cli_users import add_account, open_database
from bot.failure import Failure
from bot.passwords import new_password
from bot.settings import Settings
from storage import accounts

log = logging.getLogger(__name__)

DEMO_ADMIN = "admin@demo.example"
_EXAMPLE = "example: deskhand serve --demo"
_HANDLERS_SECONDS = 5
_ALL_SECONDS = 18
"""After the drain; together under 25 s, before an orchestrator loses its patience (30 s)."""


def add_to(commands: Any) -> None:
    """Add the subcommand to the parser."""
    command = commands.add_parser("serve", help="start the server", epilog=_EXAMPLE)
    command.add_argument("--host", help="address to listen on (127.0.0.1)")
    command.add_argument("--port", type=int, help="port to listen on (8080)")
    command.add_argument("--data-dir", dest="data_dir", help="folder of all state (./deskhand-data)")
    command.add_argument(
        "--demo", action="store_true", help="fill in a made-up shop with a page to try the chat"
    )
    command.set_defaults(run=_run, text=lambda result: "")


async def _run(settings: Settings, arguments: argparse.Namespace) -> None:
    stopping: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    _stop_at(signal.SIGTERM, stopping, settings.drain_seconds)
    # Ctrl+C is a person at a terminal: no load balancer has to be told first.
    _stop_at(signal.SIGINT, stopping, 0.0)
    password = await _prepare_demo(settings) if arguments.demo else None
    runner = make_runner(build_app(settings, demo=arguments.demo, trains=settings.trains == "yes"))
    site = await open_doors(runner, settings)
    _greet(settings, runner.addresses[0][1], demo=arguments.demo, password=password)
    await stop(runner, site, drain_seconds=await stopping)


def _stop_at(name: signal.Signals, stopping: asyncio.Future[float], drain_seconds: float) -> None:
    def begin() -> None:
        if not stopping.done():
            stopping.set_result(drain_seconds)

    asyncio.get_running_loop().add_signal_handler(name, begin)


def make_runner(app: web.Application) -> web.AppRunner:
    """The server with limits of its own: aiohttp's defaults keep idle connections for an hour."""
    return web.AppRunner(
        app,
        keepalive_timeout=15,
        shutdown_timeout=_HANDLERS_SECONDS,
        lingering_time=2,
        auto_decompress=False,
        access_log=None,
    )


async def open_doors(runner: web.AppRunner, settings: Settings) -> web.TCPSite:
    """Start the application and listen; what was begun is ended where that fails.

    Raises Failure where the address is taken, else what starting raised: a thread of the database
    that nobody ended would keep the process from leaving.
    """
    try:
        await runner.setup()
        site = web.TCPSite(runner, settings.host, settings.port)
        try:
            await site.start()
        except OSError as error:
            said = f"can't listen on {settings.host}:{settings.port}: {error.strerror}"
            raise Failure(said) from None
    except BaseException:
        await runner.cleanup()
        raise
    return site


async def stop(runner: web.AppRunner, site: web.BaseSite, *, drain_seconds: float) -> None:
    """Leave the load balancer, then stop; what doesn't end in time is a row for the next start."""
    log.info("stopping")
    _leave_at_the_latest(drain_seconds + _ALL_SECONDS + 1)
    runner.app[SERVICES].state.draining = True
    await asyncio.sleep(drain_seconds)
    await site.stop()
    try:
        async with asyncio.timeout(_ALL_SECONDS):
            await runner.cleanup()
    except TimeoutError:
        log.warning("some work did not end in time")
    log.info("stopped")


def _leave_at_the_latest(seconds: float) -> None:
    """A thread of a model can't be stopped, and all that is promised is committed: leave without it."""
    timer = threading.Timer(seconds, os._exit, (0,))
    timer.daemon = True
    timer.start()


async def _prepare_demo(settings: Settings) -> str | None:
    """Fill in the demo shop; the password of a new admin, where there was no account yet."""
    db = await open_database(settings)
    try:
        await demo_shop.seed(db)
        async with db.read() as tx:
            if await accounts.list_accounts(tx):
                return None
        password = new_password()
        await add_account(db, email=DEMO_ADMIN, name="Demo Admin", role="admin", password=password)
        return password
    finally:
        await db.close()


def _greet(settings: Settings, port: int, *, demo: bool, password: str | None) -> None:
    host = "127.0.0.1" if _is_every_interface(settings.host) else settings.host
    base = settings.public_url.rstrip("/") or f"http://{f'[{host}]' if ':' in host else host}:{port}"
    lines = [f"Console    {base}/console/"]
    if demo:
        lines.insert(0, f"Demo shop  {base}/")
    if password:
        lines.append(f"Sign in    {DEMO_ADMIN}  password {password}  (shown this once)")
    elif demo:
        lines.append(f"Sign in    {DEMO_ADMIN}, or another account (deskhand user list)")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _is_every_interface(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return not host
