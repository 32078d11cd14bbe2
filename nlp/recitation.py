"""What a reply model may not say: eight words in a row that one training conversation alone holds.

Such a span belongs to that conversation; who writes it has memorised somebody. A version keeps a digest of
every such span beside its weights, and a draft that holds one is held back, unless it stands in the prompt:
then it was retrieved, not remembered. Knows texts and conversation ids; knows no model.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from nlp.errors import ModelError

SPAN_WORDS = 8
WORD = r"[\w'|<>:]+"
"""What counts as a word; a slot is one."""
FILE = "recitation.safetensors"


def spans(text: str) -> Iterator[str]:
    """Every run of SPAN_WORDS words, lower case, punctuation left out; slots count as words."""
    words = re.findall(WORD, text.lower())
    for at in range(len(words) - SPAN_WORDS + 1):
        yield " ".join(words[at : at + SPAN_WORDS])


def owners(texts: Iterable[tuple[str, str]]) -> dict[str, str | None]:
    """For each span of (conversation id, text) rows its only conversation, or None where several hold it."""
    found: dict[str, str | None] = {}
    for conversation, text in texts:
        for span in spans(text):
            found[span] = conversation if found.get(span, conversation) == conversation else None
    return found


class Owned:
    """Digests of the spans that one conversation alone holds: eight bytes each, and none of the words."""

    def __init__(self, digests: NDArray[np.uint64] | None = None) -> None:
        self._digests = np.unique(np.zeros(0, np.uint64) if digests is None else digests)

    @classmethod
    def of(cls, owned: Mapping[str, str | None]) -> Owned:
        """Those of `owners` that have one."""
        return cls(np.array([_digest(span) for span, owner in owned.items() if owner], np.uint64))

    @classmethod
    def load(cls, folder: Path) -> Owned:
        """Read FILE, where the folder has it; raises ModelError where it can't be read."""
        if not (folder / FILE).exists():
            return cls()
        try:
            return cls(load_file(folder / FILE)["digests"].astype(np.uint64))
        except (OSError, SafetensorError, KeyError) as error:
            raise ModelError(f"{folder.name}/{FILE} can't be read; publish the version again") from error

    def save(self, folder: Path) -> None:
        """Write FILE."""
        save_file({"digests": self._digests}, folder / FILE)

    def __len__(self) -> int:
        return len(self._digests)

    def recited(self, text: str, given: Iterable[str]) -> set[str]:
        """Spans of a text that one conversation alone holds and that stand in none of the texts given."""
        if not len(self):
            return set()
        said = {span for span in spans(text) if self._holds(span)}
        return said and said.difference(*(spans(one) for one in given))

    def _holds(self, span: str) -> bool:
        digest = np.uint64(_digest(span))
        at = int(np.searchsorted(self._digests, digest))
        return at < len(self) and bool(self._digests[at] == digest)


def _digest(span: str) -> int:
    return int.from_bytes(hashlib.blake2b(span.encode("utf-8", "surrogatepass"), digest_size=8).digest())
