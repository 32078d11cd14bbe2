"""The pages as files: how much a shop's customers load, and that nothing makes markup of text."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "bot" / "web"
SCRIPTS = sorted(WEB.rglob("*.js"))
PAGES = sorted(WEB.rglob("*.html"))
MARKUP = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc")


def packed(*files: Path) -> int:
    """Bytes over the wire, each file compressed alone."""
    return sum(len(gzip.compress(file.read_bytes(), 9)) for file in files)


def name(path: Path) -> str:
    """For the names of the tests."""
    return str(path.relative_to(WEB))


def test_the_launcher_is_small() -> None:
    assert packed(WEB / "launcher.js") <= 6 * 1024


def test_the_whole_widget_is_small() -> None:
    files = [file for file in (WEB / "widget").iterdir() if file.is_file()]
    assert packed(WEB / "launcher.js", *files) <= 40 * 1024


@pytest.mark.parametrize("script", SCRIPTS, ids=name)
def test_a_script_says_what_it_is_and_makes_no_markup(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    assert text.startswith("// ")
    assert not MARKUP.search(text)
    assert len(text.splitlines()) <= 300


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_page_has_nothing_inline(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    # In a code sample the tags are written with &lt;.
    assert not re.search(
        r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|https?://(?!help\.example)", text
    )


def test_the_widget_asks_for_all_its_modules_at_once() -> None:
    page = (WEB / "widget" / "frame.html").read_text(encoding="utf-8")
    asked = set(re.findall(r'(?:href|src)="([a-z]+\.js)"', page))
    assert asked == {script.name for script in (WEB / "widget").glob("*.js")}
