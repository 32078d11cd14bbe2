"""Files of conversations or texts in, proposed intents out: nlp.discovery on what a version is unsure of.

Knows the forms of the files: a conversation counts by the customer's first message, any other row by its
"text". Knows no database; what admins name in the product is bot/new_intents.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from nlp.discovery import described, grouped, without
from nlp.reading import Reader
from nlp.types import UNSURE
from training.files import BadFile, Raw, conversation_row, rows, some
from training.progress import Progress

Result = dict[str, Any]
AT_ONCE = 256
"""Texts between two lines of progress."""


def discover(
    paths: Sequence[Path],
    reader: Reader,
    *,
    everything: bool = False,
    floor: float = UNSURE,
    limit: int | None,
    seed: int,
    progress: Progress,
) -> Result:
    """Groups of like customers' messages of the files, the biggest first; raises BadFile.

    Only those that the intent head is not sure about, unless `everything` goes.
    """
    texts = some((text for path in paths for text in messages(path)), limit, seed)
    if not texts:
        raise BadFile(f"{', '.join(path.name for path in paths)}: no customer's message in it")
    if everything:
        unsure = list(texts)
    else:
        intents = _in_parts(texts, reader.intents, "reading", progress)
        unsure = [text for text, one in zip(texts, intents, strict=True) if one.unsure(floor)]
    vectors = reader.encoder.embed(unsure)
    groups = grouped(unsure, vectors, seed=seed)
    # Names, numbers and addresses are looked for where they could name a group.
    words = list(unsure)
    inside = [row for row, group in enumerate(groups.tolist()) if group >= 0]
    found = _in_parts([unsure[row] for row in inside], reader.entities, "names and numbers", progress)
    for row, entities in zip(inside, found, strict=True):
        words[row] = without(unsure[row], [(one.start, one.end) for one in entities])
    clusters = described(unsure, vectors, groups, words=words, taken=reader.heads.intents.labels)
    return {
        "messages": len(texts),
        "unsure": len(unsure),
        "grouped": len(inside),
        "clusters": [
            {
                "name": one.name,
                "size": len(one.rows),
                "cohesion": round(one.cohesion, 4),
                "keywords": list(one.keywords),
                "examples": [unsure[row] for row in one.examples],
            }
            for one in clusters
        ],
    }


def messages(path: Path) -> Iterator[str]:
    """The customers' messages of a file, one a row; rows without one are passed over. Raises BadFile."""
    return (text for text in rows(path, _message) if text.strip())


def _message(raw: Raw) -> str:
    if "turns" in raw:
        return next((turn.text for turn in conversation_row(raw).turns if turn.role == "customer"), "")
    text = raw.get("text")
    if not isinstance(text, str):
        raise ValueError('a conversation with "turns", or a string "text", was expected')
    return text


def _in_parts(
    texts: Sequence[str], read: Callable[[Sequence[str]], list[Any]], what: str, progress: Progress
) -> list[Any]:
    done: list[Any] = []
    for start in range(0, len(texts), AT_ONCE):
        done += read(texts[start : start + AT_ONCE])
        progress(what, len(done), len(texts))
    return done
