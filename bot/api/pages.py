"""The pages and their scripts: files of bot/web with the right type, an ETag and a strict policy.

Knows no conversation. A page can only run our own scripts, speak to our own origin and be framed by
whom the settings name.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from aiohttp import web

from bot.api import errors
from bot.api.services import services

Area = Literal["front", "console", "widget", "demo"]

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
}
"""Only these are served; a file of another kind in the folder isn't there."""

_LAUNCHER = "launcher.js"


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    etag: str
    content_type: str


def register(app: web.Application) -> None:
    """Put the pages on the application."""
    app.router.add_get("/", front)
    app.router.add_get("/console", _to_console)
    app.router.add_get("/console/{path:.*}", console)
    app.router.add_get("/widget/{path:.+}", widget)
    app.router.add_get("/demo/{path:.+}", demo)


async def front(request: web.Request) -> web.StreamResponse:
    """The demo shop, or the page that says how to put the widget on one's own."""
    if services(request).demo:
        return await _serve(request, "demo", "index.html")
    return await _serve(request, "front", "index.html")


async def console(request: web.Request) -> web.StreamResponse:
    """The agent console."""
    return await _serve(request, "console", request.match_info["path"] or "index.html")


async def widget(request: web.Request) -> web.StreamResponse:
    """The launcher that shops embed, and the widget's frame."""
    return await _serve(request, "widget", request.match_info["path"])


async def demo(request: web.Request) -> web.StreamResponse:
    """Files of the demo shop; only with --demo."""
    if not services(request).demo:
        raise errors.NotFound()
    return await _serve(request, "demo", request.match_info["path"])


async def _to_console(_: web.Request) -> web.StreamResponse:
    raise web.HTTPMovedPermanently("/console/")


def policy(area: Area, framed_by: Sequence[str] = ()) -> str:
    """The Content-Security-Policy of an area; `framed_by` are the origins that may show the widget."""
    ancestors = (
        " ".join(("'self'", *(origin.rstrip("/") for origin in framed_by))) if area == "widget" else "'none'"
    )
    rules = [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "frame-src 'self'" if area == "demo" else "frame-src 'none'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'" if area == "console" else "form-action 'none'",
        f"frame-ancestors {ancestors}",
        "require-trusted-types-for 'script'",
    ]
    return "; ".join(rules)


async def _serve(request: web.Request, area: Area, path: str) -> web.StreamResponse:
    found = await _file(request, area, path)
    if found is None:
        raise errors.NotFound()
    settings = services(request).settings
    headers = {
        "ETag": found.etag,
        "Cache-Control": "no-cache",
        "Content-Security-Policy": policy(area, settings.widget_origins),
        "Referrer-Policy": "strict-origin-when-cross-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    if area == "widget":
        # Shops load the launcher from their own pages, and show the frame in them.
        headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        if path == _LAUNCHER:
            headers["Access-Control-Allow-Origin"] = "*"
    if area == "console":
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
    if request.headers.get("If-None-Match") == found.etag:
        return web.Response(status=304, headers=headers)
    return web.Response(body=found.body, headers={**headers, "Content-Type": found.content_type})


async def _file(request: web.Request, area: Area, path: str) -> _File | None:
    root = services(request).web_dir
    # The two files that lie above the folders: the front page and the launcher.
    above = area == "front" or (area == "widget" and path == _LAUNCHER)
    return await asyncio.to_thread(_read, root if above else root / area, path)


def _read(folder: Path, path: str) -> _File | None:
    """The file below the folder; None for what isn't one, is elsewhere or is of another kind."""
    content_type = TYPES.get(Path(path).suffix)
    if content_type is None or "\0" in path or any(part.startswith(".") for part in path.split("/")):
        return None
    try:
        place = (folder / path).resolve(strict=True)
        if not place.is_relative_to(folder.resolve()) or not place.is_file():
            return None
        stat = place.stat()
    except OSError:
        return None
    return _load(place, stat.st_mtime_ns, stat.st_size, content_type)


@lru_cache(maxsize=256)
def _load(place: Path, _changed: int, _size: int, content_type: str) -> _File:
    body = place.read_bytes()
    return _File(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"', content_type)
