"""Round every request: problems become documents, answers get safe headers, each is counted and logged.

Knows no route. The log line has the route's pattern, never the address called, which may hold ids.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from bot.api import errors
from bot.api.services import services
from storage.errors import StorageError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = logging.getLogger(__name__)

_API_POLICY = "default-src 'none'; frame-ancestors 'none'"


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The only place where an exception becomes an answer."""
    try:
        return await handler(request)
    except errors.Problem as problem:
        return problem.response()
    except StorageError as error:
        return errors.from_storage(error).response()
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return errors.from_http(error).response()
    except Exception:
        log.exception("a request failed", extra={"route": _pattern(request), "method": request.method})
        return errors.Problem().response()


@web.middleware
async def counted(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count and time every answer by its route."""
    began = time.perf_counter()
    status = "error"
    metrics = services(request).metrics
    try:
        response = await handler(request)
        status = str(response.status)
        return response
    except web.HTTPException as error:
        status = str(error.status)
        raise
    finally:
        route = _pattern(request)
        metrics.requests.labels(request.method, route, status).inc()
        if status != "101":
            metrics.seconds.labels(request.method, route).observe(time.perf_counter() - began)


async def safe_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Headers of every answer (a signal, so that it also reaches errors and streams)."""
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Content-Security-Policy", _API_POLICY)
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    response.headers["Server"] = "deskhand"
    if services(request).settings.secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")


def _pattern(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource else "none"
