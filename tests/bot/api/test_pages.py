"""Pages: types, policies, caching, and nothing outside their folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.api.pages import policy
from tests.bot.api.desk import Desk, open_desk


@pytest.mark.parametrize(
    ("path", "kind", "ancestors"),
    [
        ("/", "text/html", "'none'"),
        ("/console/", "text/html", "'none'"),
        ("/console/style.css", "text/css", "'none'"),
        ("/widget/frame.html", "text/html", "'self'"),
        ("/widget/frame.js", "text/javascript", "'self'"),
        ("/widget/launcher.js", "text/javascript", "'self'"),
        ("/demo/index.html", "text/html", "'none'"),
    ],
)
async def test_a_page_has_its_type_a_policy_and_an_etag(
    desk: Desk, path: str, kind: str, ancestors: str
) -> None:
    response = await desk.call("GET", path)
    assert response.status == 200
    assert response.content_type == kind
    rules = dict(
        rule.strip().split(" ", 1) for rule in response.headers["Content-Security-Policy"].split(";")
    )
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == "'self'"
    assert rules["object-src"] == rules["base-uri"] == "'none'"
    assert rules["frame-ancestors"] == ancestors
    assert response.headers["Cache-Control"] == "no-cache"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    again = await desk.call("GET", path, headers={"If-None-Match": response.headers["ETag"]})
    assert again.status == 304
    assert await again.read() == b""


async def test_the_widget_may_be_framed_by_the_listed_shops_only(tmp_path: Path) -> None:
    async with open_desk(tmp_path, widget_origins=("https://shop.example.com",)) as desk:
        response = await desk.call("GET", "/widget/frame.html")
        rules = response.headers["Content-Security-Policy"]
        assert "frame-ancestors 'self' https://shop.example.com;" in rules
        console = await desk.call("GET", "/console/")
        assert "frame-ancestors 'none'" in console.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path",
    [
        "/console/../secret.html",
        "/console/%2e%2e/%2e%2e/secret.html",
        "/widget/..%2f..%2fsecret.html",
        "/console//etc/passwd",
        "/console/notes.txt",
        "/console/%00index.html",
        "/console/.hidden.js",
        "/widget/index.html",
        "/widget/\udcff.js",
        "/console/" + "a" * 5000 + ".js",
        "/demo/../console/x.js",
        "/nothing",
    ],
)
async def test_nothing_else_is_served(desk: Desk, path: str) -> None:
    from yarl import URL

    url = URL(
        f"{desk.origin}{path}".encode("utf-8", "surrogateescape").decode("latin-1"), encoded="%" in path
    )
    response = await desk.client.session.get(url)
    assert response.status == 404
    assert "secret" not in await response.text()


async def test_without_the_demo_there_is_no_shop(tmp_path: Path) -> None:
    async with open_desk(tmp_path, demo=False) as desk:
        response = await desk.call("GET", "/")
        assert await response.read() == (desk.services.web_dir / "index.html").read_bytes()
        assert response.headers["Content-Security-Policy"] == policy("front")
        again = await desk.call("GET", "/", headers={"If-None-Match": response.headers["ETag"]})
        assert again.status == 304
        assert (await desk.call("GET", "/demo/index.html")).status == 404


async def test_a_changed_file_is_served_anew(desk: Desk) -> None:
    first = await desk.call("GET", "/console/style.css")
    (desk.services.web_dir / "console" / "style.css").write_text("p { color: red }")
    second = await desk.call("GET", "/console/style.css", headers={"If-None-Match": first.headers["ETag"]})
    assert second.status == 200
    assert await second.text() == "p { color: red }"


async def test_the_console_has_one_address(desk: Desk) -> None:
    response = await desk.call("GET", "/console")
    assert response.status == 301
    assert response.headers["Location"] == "/console/"


def test_no_policy_allows_inline_or_foreign_scripts() -> None:
    for area in ("front", "console", "widget", "demo"):
        rules = policy(area, ["https://shop.example.com"])
        assert "unsafe" not in rules
        assert "*" not in rules
