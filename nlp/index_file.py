"""The index as a file: entries with their vectors, by the items that they came from, read and written whole.

Knows neither how entries are made nor what they are looked up for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from nlp.context import QUERY_WIDTH, WIDTH
from nlp.retrieval import Entry, Vectors

CACHE_FILE = "index.safetensors"


@dataclass(frozen=True, slots=True)
class Made:
    """An entry, what it is found by, and the vector of its text."""

    entry: Entry
    key: Vectors
    text: Vectors


def load(folder: Path) -> dict[str, list[Made]]:
    """What a folder keeps, by the names of the items; one that can't be read is an empty one."""
    made: dict[str, list[Made]] = {}
    try:
        with safe_open(folder / CACHE_FILE, framework="numpy") as stored:
            rows = json.loads(stored.metadata()["entries"])
            texts, queries, headings = (stored.get_tensor(n) for n in ("texts", "queries", "headings"))
        keys = {"reply": iter(queries), "article": iter(headings)}
        for row, text in zip(rows, texts, strict=True):
            name = row.pop("item")
            row["intents"] = tuple(row["intents"])
            made.setdefault(name, []).append(Made(Entry(**row), next(keys[row["kind"]]), text))
    except (OSError, ValueError, KeyError, TypeError, StopIteration, SafetensorError):
        return {}
    return made


def save(folder: Path, known: Mapping[str, Sequence[Made]]) -> None:
    """One file, renamed into place whole: entries and vectors can't come from two different times."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"item": name, **asdict(made.entry)} for name, group in known.items() for made in group]
    parts = [made for group in known.values() for made in group]
    vectors = {
        "texts": _stacked([p.text for p in parts], WIDTH),
        "queries": _stacked([p.key for p in parts if p.entry.kind == "reply"], QUERY_WIDTH),
        "headings": _stacked([p.key for p in parts if p.entry.kind == "article"], WIDTH),
    }
    fresh = folder / f"{CACHE_FILE}.new"
    save_file(vectors, fresh, metadata={"entries": json.dumps(rows)})
    fresh.replace(folder / CACHE_FILE)


def _stacked(rows: Sequence[Vectors], width: int) -> Vectors:
    return np.stack(rows) if rows else np.zeros((0, width), dtype=np.float32)
