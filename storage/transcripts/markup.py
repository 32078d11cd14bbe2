"""HTML of a message to the text that its reader saw. Knows no desk."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Final

_BLOCKS: Final = frozenset(
    "address blockquote div dl dt dd h1 h2 h3 h4 h5 h6 hr ol p pre table tr ul".split()
)
_UNSEEN: Final = frozenset("head script style template title".split())
_BLANKS: Final = re.compile(r"[ \t\r\n\f\v]+")


def text_of(html: str) -> str:
    """The text: paragraphs and list items on lines of their own, without scripts, styles and pictures."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines = (_BLANKS.sub(" ", line).strip() for line in "".join(reader.found).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            self._hidden += 1
        elif tag == "li":
            self.found.append("\n- ")
        elif tag == "br" or tag in _BLOCKS:
            self._line()

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._hidden = max(0, self._hidden - 1)
        elif tag in _BLOCKS:
            self._line()

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _UNSEEN:
            self.handle_starttag(tag, attrs)

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.found.append(_BLANKS.sub(" ", data))

    def _line(self) -> None:
        self.found.append("\n")
