"""The composition root: the only place that chooses parts and knows how long each lives.

Started in this order, stopped in reverse: database, live events, the spine, delivery, models and worker.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from aiohttp import WSCloseCode, web

from bot import occupancy
from bot.api import (
    admin,
    agent,
    agent_socket,
    article_drafts,
    audit_log,
    automatic,
    comparing,
    customer,
    customer_socket,
    erasure,
    health,
    imports,
    intents,
    learning,
    library,
    middleware,
    pages,
    people,
    rules,
    signin,
    stages,
    training,
    triage,
)
from bot.api.limits import Limits
from bot.api.metrics import Metrics
from bot.api.routing import Routes
from bot.api.services import SERVICES, Services
from bot.article_drafts import ArticleDrafts
from bot.brains import Brains
from bot.channels.web import WebChannel
from bot.comparison import Comparison
from bot.conversation import Conversation
from bot.delivery import Delivery
from bot.intake import Intake
from bot.live import Live, RedisLive
from bot.models import LoadBrain
from bot.new_intents import NewIntents
from bot.night import NightShift
from bot.passwords import Passwords
from bot.policy import MODES, Policy
from bot.promotion import Promotion
from bot.settings import Settings
from bot.stages import Stages
from bot.worker import Worker
from nlp.errors import NlpError
from nlp.serving import Serving
from storage import accounts, conversations
from storage.database import Database
from storage.errors import Unavailable

log = logging.getLogger(__name__)

WEB_DIR = Path(__file__).parent / "web"
BODY_LIMIT = 100 * 1024
"""Bytes; a message of 8,000 characters in the longest spelling that JSON has for them fits."""
HOUSEKEEPING_SECONDS = 30
DATABASE_PAUSE = 2.0
"""Seconds until a start that the database held up is tried again."""
LOCAL_NODE = "local"
WORKER_GRACE, DELIVERY_GRACE = 6.0, 3.0
"""Seconds that running work may take to end at a stop; what isn't done then is a row for the next start."""

T = TypeVar("T")
Lifetime = Callable[[web.Application], AsyncIterator[None]]

DB = web.AppKey("db", Database)
LIVE = web.AppKey("live", Live)
SERVING = web.AppKey("serving", Serving)
NODE = web.AppKey("node", str)


def api_routes() -> Routes:
    """The whole table."""
    front = (customer, customer_socket, signin, agent, triage, agent_socket)
    desk = (library, article_drafts, imports, intents, learning, training, stages, comparing, automatic)
    house = (rules, erasure, admin, people, audit_log)
    return Routes(row for module in (*front, *desk, *house) for row in module.routes)


def build_app(
    settings: Settings,
    *,
    load_brain: LoadBrain | None = None,
    demo: bool = False,
    trains: bool = False,
    web_dir: Path = WEB_DIR,
) -> web.Application:
    """The application, not yet started. `load_brain` takes the place of the shipped models.

    Where it `trains`, rounds of training that are asked for or due run beside it.
    """
    app = web.Application(middlewares=[middleware.counted, middleware.problems], client_max_size=BODY_LIMIT)
    app.on_response_prepare.append(middleware.safe_headers)
    table = api_routes()
    table.register(app)
    health.register(app, table)
    pages.register(app)
    app.cleanup_ctx.extend(
        [
            _database(settings),
            _live(settings),
            _spine(settings, load_brain, demo, web_dir),
            _delivery,
            _housekeeping,
            _models_and_worker(settings),
            _night(settings, trains),
            _intake,
        ]
    )
    app.on_shutdown.append(end_sockets)
    return app


async def end_sockets(app: web.Application) -> None:
    """Send everybody away with 1001, so that they come back to another node or after the restart."""
    app[SERVICES].state.draining = True
    app[SERVICES].comparison.end()
    for one in tuple(app[SERVICES].sockets):
        one.end(WSCloseCode.GOING_AWAY, "restart")


def _database(settings: Settings) -> Lifetime:
    async def lifetime(app: web.Application) -> AsyncIterator[None]:
        make_data_dir(settings)
        async with occupancy.serving(settings.data_dir):
            app[DB] = await Database.open(settings.database)
            app[NODE] = node_name(app[DB])
            yield
            await app[DB].close()

    return lifetime


def node_name(db: Database) -> str:
    """The name under which this process claims rows.

    One process works on a SQLite file, always under the same name: a restart takes up at once what
    a killed one had claimed. On PostgreSQL another node may bear any name that isn't unique.
    """
    if db.dialect == "sqlite":
        return LOCAL_NODE
    return f"{socket.gethostname()[:40]}-{os.getpid()}-{uuid4().hex[:8]}"


def make_data_dir(settings: Settings) -> None:
    """Make the data folder, for our eyes only."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)


def _live(settings: Settings) -> Lifetime:
    async def lifetime(app: web.Application) -> AsyncIterator[None]:
        app[LIVE] = RedisLive(settings.redis_url) if settings.redis_url else Live()
        await app[LIVE].start()
        yield
        await app[LIVE].close()

    return lifetime


def _spine(settings: Settings, load_brain: LoadBrain | None, demo: bool, web_dir: Path) -> Lifetime:
    async def lifetime(app: web.Application) -> AsyncIterator[None]:
        app[SERVING] = Serving()
        mode = next(mode for mode in MODES if mode == settings.policy_mode)
        policy = Policy(mode=mode, review_share=settings.review_percent / 100)
        named = NewIntents(app[DB], app[SERVING])
        brains = Brains(app[DB], settings, app[SERVING], named, load_brain=load_brain, demo=demo)
        promotion = Promotion(app[DB], settings, brains)
        tried = Stages(app[DB], settings, app[SERVING], brains, promotion)
        app[SERVICES] = Services(
            settings=settings,
            db=app[DB],
            conversations=Conversation(app[DB], app[SERVING], policy, app[LIVE], tried),
            new_intents=named,
            intake=Intake(app[DB], settings.data_dir, node=app[NODE], megabytes=settings.import_megabytes),
            article_drafts=ArticleDrafts(app[DB], app[SERVING], named),
            brains=brains,
            promotion=promotion,
            comparison=Comparison(app[DB], settings, demo=demo),
            stages=tried,
            serving=app[SERVING],
            live=app[LIVE],
            passwords=Passwords(),
            limits=Limits(
                sockets_per_address=settings.sockets_per_address,
                sockets_per_node=settings.sockets_per_node,
                visitors_per_minute=settings.visitors_per_minute,
            ),
            metrics=Metrics(),
            demo=demo,
            web_dir=web_dir,
        )
        yield
        await app[SERVICES].brains.close()
        await app[SERVICES].article_drafts.close()
        await app[SERVICES].new_intents.close()
        await app[SERVICES].conversations.close()

    return lifetime


async def _delivery(app: web.Application) -> AsyncIterator[None]:
    db, live = app[DB], app[LIVE]
    channels = {"web": WebChannel(db, live)}
    delivery = Delivery(db, channels, live, node=app[NODE], due=app[SERVICES].conversations.delivery_due)
    await delivery.start()
    yield
    await delivery.stop(grace=DELIVERY_GRACE)


async def _housekeeping(app: web.Application) -> AsyncIterator[None]:
    """What happens by the clock: snoozed conversations wake up, old sign-ins are forgotten, intents that an
    admin has named on another node are learned, and who was erased there is forgotten."""

    async def keep() -> None:
        while True:
            try:
                for conversation_id in await app[DB].write(conversations.wake_snoozed):
                    await app[SERVICES].conversations.changed(conversation_id)
                await app[DB].write(lambda tx: accounts.prune_sign_in(tx, older_than_seconds=86_400))
                await app[SERVICES].new_intents.refresh()
                app[SERVICES].brains.refresh_soon()
            except Exception as error:  # the next round comes, whatever this one met
                log.warning("housekeeping: a round failed: %s", type(error).__name__)
            await asyncio.sleep(HOUSEKEEPING_SECONDS)

    task = asyncio.create_task(keep(), name="housekeeping")
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _models_and_worker(settings: Settings) -> Lifetime:
    """Loads in the background, then works off what has been waiting; serves on without models if it must."""

    async def lifetime(app: web.Application) -> AsyncIterator[None]:
        desk, serving = app[SERVICES], app[SERVING]
        worker = Worker(app[DB], desk.conversations, node=app[NODE], at_once=settings.workers)

        async def begin() -> None:
            await _patiently(desk.brains.load)
            # Before the worker: a conversation of a canary goes on with its version.
            await _patiently(desk.stages.follow)
            await _patiently(worker.start)
            desk.stages.start()
            desk.state.brain_ready = True
            log.info("models loaded")

        loading = asyncio.create_task(_reported(begin, desk))
        yield
        loading.cancel()
        with suppress(asyncio.CancelledError):
            await loading
        await desk.stages.close()
        if desk.state.brain_ready:
            await worker.stop(grace=WORKER_GRACE)
        await serving.close()

    return lifetime


def _night(settings: Settings, trains: bool) -> Lifetime:
    async def lifetime(app: web.Application) -> AsyncIterator[None]:
        promotion = app[SERVICES].promotion
        await _patiently(promotion.begin)
        shift = NightShift(app[DB], settings, promotion, app[SERVICES].stages, node=app[NODE])
        if trains:
            shift.start()
        yield
        await shift.stop()

    return lifetime


async def _intake(app: web.Application) -> AsyncIterator[None]:
    app[SERVICES].intake.start()
    yield
    await app[SERVICES].intake.stop()


async def _patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask again while the database can't answer: a bad moment of it must not cost us the models."""
    while True:
        try:
            return await ask()
        except Unavailable as error:
            log.warning("the start waits for the database: %s", error)
            await asyncio.sleep(DATABASE_PAUSE)


async def _reported(begin: Callable[[], Awaitable[None]], desk: Services) -> None:
    try:
        await begin()
    except NlpError as error:
        # Its message names files and versions, never a customer's text.
        desk.state.brain_failed = True
        log.error("the models could not be loaded: %s", error)
    except Exception:
        # Without models customers and agents can still write to each other.
        desk.state.brain_failed = True
        log.exception("the models could not be loaded: messages are taken, nothing is suggested")
