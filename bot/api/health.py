"""/health, /ready and /metrics, and /openapi.json: for machines that watch, not for people.

Knows the state of the process; asks storage for counts only when somebody scrapes.
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from aiohttp import web

from bot.api import errors, openapi
from bot.api.routing import Routes, answer
from bot.api.services import Services, services
from storage import outbox, suggestions, work
from storage.errors import StorageError

log = logging.getLogger(__name__)

DOCUMENT = web.AppKey("openapi", dict[str, Any])


def register(app: web.Application, routes: Routes) -> None:
    """Put these addresses on the application; the document is made once, from the table."""
    app[DOCUMENT] = openapi.document(routes, version=release())
    app.router.add_get("/health", health)
    app.router.add_get("/ready", ready)
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/openapi.json", document)


def release() -> str:
    """Our version, "0" in a checkout that isn't installed."""
    try:
        return version("deskhand")
    except PackageNotFoundError:
        return "0"


async def health(_: web.Request) -> web.StreamResponse:
    """The process lives."""
    return answer({"status": "ok"})


async def ready(request: web.Request) -> web.StreamResponse:
    """200 when this node takes work: database there, models loaded, not stopping.

    `unread` counts past replies and articles that suggestions don't know yet.
    """
    desk = services(request)
    parts = await _parts(desk)
    is_ready = all(part == "ok" for part in parts.values())
    said = {"status": "ready" if is_ready else "not ready", **parts, "unread": desk.serving.unread}
    return answer(said, status=200 if is_ready else 503)


async def _parts(desk: Services) -> dict[str, str]:
    models = "ok" if desk.state.brain_ready else "failed" if desk.state.brain_failed else "loading"
    try:
        await desk.db.ping()
        database = "ok"
    except StorageError:
        database = "unavailable"
    return {"database": database, "models": models, "node": "stopping" if desk.state.draining else "ok"}


async def metrics(request: web.Request) -> web.StreamResponse:
    """Prometheus text; with the token of the settings, else for direct requests of this machine."""
    desk = services(request)
    _check_scraper(request, desk)
    parts = await _parts(desk)
    desk.metrics.ready.set(all(part == "ok" for part in parts.values()))
    desk.metrics.unread.set(desk.serving.unread)
    try:
        async with desk.db.read() as tx:
            desk.metrics.waiting.labels("work").set(await work.depth(tx))
            desk.metrics.waiting.labels("outbox").set(await outbox.depth(tx))
            for outcome, count in (await suggestions.counts(tx)).items():
                desk.metrics.suggestions.labels(outcome).set(count)
    except StorageError:
        log.warning("metrics without the figures of the database")
    headers = {"Cache-Control": "no-store", "Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
    return web.Response(body=desk.metrics.text(), headers=headers)


def _check_scraper(request: web.Request, desk: Services) -> None:
    if token := desk.settings.metrics_token:
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, f"Bearer {token}".encode()):
            raise errors.Unauthenticated("Send the metrics token.", headers={"WWW-Authenticate": "Bearer"})
        return
    forwarded = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
    if forwarded or not _is_loopback(request.remote):
        raise errors.NotFound()


def _is_loopback(address: str | None) -> bool:
    try:
        return ipaddress.ip_address(address or "").is_loopback
    except ValueError:
        return False


async def document(request: web.Request) -> web.StreamResponse:
    """The OpenAPI 3.1 document."""
    return answer(request.app[DOCUMENT])
