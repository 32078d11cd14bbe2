"""From a shop's knowledge to the retrieval index: read, delexicalise, embed, and remember the result.

Values leave the text before anything is stored for retrieval: a name in a past reply must never
come up in another customer's suggestion. The results are kept in a cache folder by what they were
made from, so that a second start costs nothing and what is no longer in the shop's knowledge is
dropped at the next start. Knows the reader and the slots; knows no database.
"""

from __future__ import annotations

import hashlib
import json
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from nlp import slots
from nlp.context import query_text
from nlp.reading import Reader
from nlp.recognisers import Catalogue, recognise
from nlp.retrieval import Entry, Index, Vectors, passages
from nlp.types import Entity, KnowledgeItem, Role, Turn

CONTEXT_TURNS = 4
TITLE = 60
"""Characters of a past reply that stand for it where it has no title."""
FORMAT = "2"
"""Part of every cache key: raise it when the way that items are read changes."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What a shop brings: its facts, its products, past replies and help articles."""

    facts: Mapping[str, str]
    products: Sequence[str] = ()
    items: Sequence[KnowledgeItem] = ()


@dataclass(frozen=True, slots=True)
class _Made:
    entry: Entry
    vector: Vectors


def build_index(knowledge: Knowledge, reader: Reader, *, cache: Path | None = None) -> Index:
    """Index a shop's knowledge; `cache` is a folder that this function owns."""
    salt = json.dumps([FORMAT, dict(knowledge.facts), list(knowledge.products)], sort_keys=True)
    keys = [
        hashlib.sha256(f"{salt}{item!r}".encode("utf-8", "surrogatepass")).hexdigest()
        for item in knowledge.items
    ]
    known = _load(cache) if cache else {}
    fresh = [(key, item) for key, item in zip(keys, knowledge.items, strict=True) if key not in known]
    made = _make([item for _, item in fresh], knowledge, reader)
    known |= {key: found for (key, _), found in zip(fresh, made, strict=True)}
    kept = {key: known[key] for key in keys}
    if cache and (fresh or len(kept) != len(known)):
        _save(cache, kept)
    parts = [part for found in kept.values() for part in found]
    vectors = np.stack([p.vector for p in parts]) if parts else np.zeros((0, 384), dtype=np.float32)
    return Index([p.entry for p in parts], vectors)


def _make(items: Sequence[KnowledgeItem], knowledge: Knowledge, reader: Reader) -> list[list[_Made]]:
    """Entries and vectors of items, all texts read in batches."""
    texts = dict.fromkeys(t for item in items if item.kind == "reply" for t in _texts(item))
    found = dict(zip(texts, reader.entities(list(texts)), strict=True))
    catalogue = Catalogue(knowledge.products)
    pairs = [_entries(item, found, knowledge, catalogue) for item in items]
    flat = [key for group in pairs for key, _ in group]
    vectors = iter(reader.encoder.embed(flat) if flat else ())
    return [[_Made(entry, next(vectors)) for _, entry in group] for group in pairs]


def _texts(item: KnowledgeItem) -> list[str]:
    return [*(t.text for t in item.turns[-CONTEXT_TURNS:]), item.text]


def _entries(
    item: KnowledgeItem, found: Mapping[str, Sequence[Entity]], knowledge: Knowledge, catalogue: Catalogue
) -> list[tuple[str, Entry]]:
    """(what it is found by, entry) of one item: a reply is one entry, an article one a passage."""
    if item.kind == "article":
        body = slots.delexicalise(item.text, recognise(item.text, catalogue), knowledge.facts)
        return [
            (slots.spoken(f"{item.title}. {p}"), Entry("article", item.id, item.title, p, item.intent))
            for p in passages(body)
        ]
    turns = item.turns[-CONTEXT_TURNS:]
    values = _values(turns, found)
    template = _agent_template(item.text, found[item.text], values, catalogue, knowledge.facts)
    context = [_turn_template(t, found[t.text], values, catalogue, knowledge.facts) for t in turns]
    title = item.title or textwrap.shorten(slots.spoken(template), TITLE, placeholder="…")
    return [(query_text(context), Entry("reply", item.id, title, template, item.intent))]


def _values(turns: Sequence[Turn], found: Mapping[str, Sequence[Entity]]) -> dict[str, str]:
    """Values that the customer gave, by slot."""
    values: dict[str, str] = {}
    for turn in turns:
        if turn.role == "customer":
            values |= {slots.slot_of(e.type) or "": e.text for e in found[turn.text]}
    values.pop("", None)
    return values


def _turn_template(
    turn: Turn,
    found: Sequence[Entity],
    values: Mapping[str, str],
    catalogue: Catalogue,
    facts: Mapping[str, str],
) -> tuple[Role, str]:
    if turn.role == "customer":
        return "customer", slots.delexicalise(turn.text, found)
    return "agent", _agent_template(turn.text, found, values, catalogue, facts)


def _agent_template(
    text: str,
    found: Sequence[Entity],
    values: Mapping[str, str],
    catalogue: Catalogue,
    facts: Mapping[str, str],
) -> str:
    """An agent's text as a template; a person who is not the customer becomes the agent's name."""
    certain = [*recognise(text, catalogue), *mentions(text, values)]
    taken = [(e.start, e.end) for e in certain]
    people = [
        Entity("agent_name", e.text, e.start, e.end, e.value, e.score, e.source)
        for e in found
        if e.type == "person" and not any(e.start < end and start < e.end for start, end in taken)
    ]
    return slots.delexicalise(text, [*certain, *people], facts)


def delexicaliser(
    catalogue: Catalogue, facts: Mapping[str, str], values: Mapping[str, str] | None = None
) -> Callable[[str], str]:
    """A function from raw text to template, without a model: forms, products, known values, facts."""

    def delexicalise(text: str) -> str:
        return slots.delexicalise(text, [*recognise(text, catalogue), *mentions(text, values or {})], facts)

    return delexicalise


def mentions(text: str, values: Mapping[str, str]) -> list[Entity]:
    """Where known values stand again, such as the customer's name; a name also by its first part."""
    out = []
    for slot, value in values.items():
        forms = [value, value.split()[0]] if slot == "customer_name" and value.split() else [value]
        for form in dict.fromkeys(f for f in forms if len(f) > 1):
            for match in re.finditer(rf"(?<!\w){re.escape(form)}(?!\w)", text, re.IGNORECASE):
                out.append(Entity(slot, match[0], match.start(), match.end(), value, 1.0, "catalogue"))
    return out


def _load(folder: Path) -> dict[str, list[_Made]]:
    """What the cache knows; a cache that can't be read is an empty one."""
    try:
        rows = json.loads((folder / "entries.json").read_text(encoding="utf-8"))
        vectors = load_file(folder / "vectors.safetensors")["vectors"]
        made: dict[str, list[_Made]] = {}
        for row, vector in zip(rows, vectors, strict=True):
            key = row.pop("key")
            made.setdefault(key, []).append(_Made(Entry(**row), vector))
    except (OSError, ValueError, KeyError, TypeError, SafetensorError):
        return {}
    return made


def _save(folder: Path, known: Mapping[str, Sequence[_Made]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"key": key, **asdict(made.entry)} for key, group in known.items() for made in group]
    vectors = [made.vector for group in known.values() for made in group]
    if not vectors:
        return
    # Vectors first: entries of another length than the vectors are read as no cache at all.
    save_file({"vectors": np.stack(vectors)}, folder / "vectors.safetensors.new")
    (folder / "vectors.safetensors.new").replace(folder / "vectors.safetensors")
    (folder / "entries.json.new").write_text(json.dumps(rows), encoding="utf-8")
    (folder / "entries.json.new").replace(folder / "entries.json")
