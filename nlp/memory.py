"""From a shop's knowledge to the retrieval index: read, delexicalise, embed, and remember the result.

Values leave the text before anything is stored for retrieval: a name in a past reply must never
come up in another customer's suggestion. The results are kept in a cache folder by what they were
made from, so that a second start costs nothing and what is no longer in the shop's knowledge is
dropped at the next start. Knows the reader and the slots; knows no database.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import textwrap
from collections import deque
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nlp import slots
from nlp.context import query_vectors
from nlp.errors import ModelError
from nlp.index_file import CACHE_FILE, Made, load, save
from nlp.passwords import masked
from nlp.reading import Reader
from nlp.recognisers import Catalogue, recognise
from nlp.retrieval import Entry, Index, passages
from nlp.types import Entity, Intent, KnowledgeItem, Role, Turn, asked_for

log = logging.getLogger(__name__)

PLACES = frozenset(["address", "city", "company"])
_LONG_NUMBER = re.compile(r"\+?\d(?:[ ()-]?\d){4,}")
LOOKED_UP = {"date": "eta_date", "amount": "refund_amount"}
TITLE = 60
"""Characters of a past reply that stand for it where it has no title."""
FORMAT = "10"
"""Part of every cache key: raise it when the way that items are read changes."""
BLOCK = 8
"""Replies that are read in the order of the shop; about those of one conversation."""
GOLDEN = (5**0.5 - 1) / 2
COPY = 0.999
"""Cosine of two queries from which they are of the same turns."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What a shop brings: its facts, its products, past replies and help articles."""

    facts: Mapping[str, str]
    products: Sequence[str] = ()
    items: Sequence[KnowledgeItem] = ()


class IndexBuilder:
    """A shop's knowledge on its way into an index, read a part at a time; each part makes an index.

    `cache` is a folder that this class owns. What it knows is not read again.
    """

    def __init__(self, knowledge: Knowledge, reader: Reader, *, cache: Path | None = None) -> None:
        self._knowledge, self._reader, self._cache = knowledge, reader, cache
        salt = json.dumps([FORMAT, dict(knowledge.facts), list(knowledge.products)], sort_keys=True)
        items = {
            hashlib.sha256(f"{salt}{item!r}".encode("utf-8", "surrogatepass")).hexdigest(): item
            for item in knowledge.items
        }
        self._names = list(items)
        known = load(cache) if cache else {}
        self._known = {name: known[name] for name in self._names if name in known}
        self._changed = len(self._known) != len(known)
        self._unread = deque(_spread(items, self._known))

    def __len__(self) -> int:
        """Items that have been read."""
        return len(self._known)

    @property
    def unread(self) -> int:
        """Items that have not been read yet."""
        return len(self._unread)

    def read(self, most: int | None = None) -> list[Entry]:
        """Read so many more items, all of them by default; returns the entries that came of them."""
        count = self.unread if most is None else min(most, self.unread)
        taken = [self._unread.popleft() for _ in range(max(0, count))]
        made = _make([item for _, item in taken], self._knowledge, self._reader)
        self._known |= {name: found for (name, _), found in zip(taken, made, strict=True)}
        self._changed |= bool(taken)
        return [part.entry for found in made for part in found]

    def keep(self) -> None:
        """Write what is known into the cache folder, if anything has changed."""
        if not (self._cache and self._changed):
            return
        try:
            save(self._cache, self._known)
            self._changed = False
        except OSError as error:
            log.warning(
                "the index cache could not be written (%s): it is made again at the next start", error
            )

    def index(self) -> Index:
        """An index of what has been read, in the order of the shop's items."""
        return _index(self._known[name] for name in self._names if name in self._known)


def build_index(knowledge: Knowledge, reader: Reader, *, cache: Path | None = None) -> Index:
    """Index a shop's whole knowledge; `cache` is a folder that this function owns."""
    builder = IndexBuilder(knowledge, reader, cache=cache)
    builder.read()
    builder.keep()
    return builder.index()


def _spread(items: Mapping[str, KnowledgeItem], known: Container[str]) -> list[tuple[str, KnowledgeItem]]:
    """What is not known, in the order in which it is read: articles, then replies from all over the shop.

    A part of the replies must stand for all of them; those of one conversation stay together, since they
    share their turns. Blocks are ordered by multiples of the golden ratio, modulo 1, which spread evenly
    however many are taken (Knuth, The Art of Computer Programming 3, 6.4).
    """
    replies = [pair for pair in items.items() if pair[1].kind == "reply"]
    blocks = [replies[at : at + BLOCK] for at in range(0, len(replies), BLOCK)]
    order = sorted(range(len(blocks)), key=lambda at: at * GOLDEN % 1)
    rows = [pair for pair in items.items() if pair[1].kind == "article"]
    rows += [pair for at in order for pair in blocks[at]]
    return [(name, item) for name, item in rows if name not in known]


def _index(groups: Iterable[Sequence[Made]]) -> Index:
    parts = [part for found in groups for part in found]
    return Index([p.entry for p in parts], [p.key for p in parts], [p.text for p in parts])


def load_index(folder: Path) -> Index:
    """An index as `build_index` kept it in a folder; raises ModelError where it can't be read."""
    found = load(folder)
    if not found:
        raise ModelError(f"{folder.name}/{CACHE_FILE} can't be read; publish the version again")
    return _index(found.values())


def load_without(folder: Path, names: Container[str]) -> Index:
    """What a folder keeps, less these items and copies of them: the same reply behind the same turns.

    Empty where nothing is kept. It is what a question may lean on whose answer is known.
    """
    parts = [part for group in load(folder).values() for part in group]
    gone = [part for part in parts if part.entry.id in names]
    return _index([[part for part in parts if not any(_copies(part, one) for one in gone)]])


def _copies(one: Made, other: Made) -> bool:
    same = (one.entry.kind, one.entry.text) == (other.entry.kind, other.entry.text)
    return same and float(one.key @ other.key) > COPY


def forget(folder: Path, names: Container[str]) -> list[str]:
    """Drop what came of these items, or of conversations of these names, from a folder that was kept.

    An item's id is a name, or begins with its conversation's and "/". An index that can't be read is removed.
    Returns the texts of the replies that are left.
    """
    known = load(folder)
    left = {
        item: group
        for item, group in known.items()
        if not any(one.entry.id in names or one.entry.id.partition("/")[0] in names for one in group)
    }
    if not left:
        (folder / CACHE_FILE).unlink(missing_ok=True)
    elif len(left) < len(known):
        save(folder, left)
    (folder / f"{CACHE_FILE}.new").unlink(missing_ok=True)
    return [one.entry.text for group in left.values() for one in group if one.entry.kind == "reply"]


def _make(items: Sequence[KnowledgeItem], knowledge: Knowledge, reader: Reader) -> list[list[Made]]:
    """Entries and vectors of items, all texts read in batches."""
    found = _read([item for item in items if item.kind == "reply"], reader)
    catalogue = Catalogue(knowledge.products)
    groups = [
        _passages(item, knowledge, catalogue)
        if item.kind == "article"
        else _reply(item, found, knowledge, catalogue)
        for item in items
    ]
    flat = [pair for group in groups for pair in group]
    embed = reader.encoder.embed
    texts = embed([slots.spoken(entry.text) for entry, _ in flat]) if flat else ()
    asked = [turns for _, turns in flat if isinstance(turns, list)]
    titled = [slots.spoken(f"{e.title}. {e.text}") for e, turns in flat if not isinstance(turns, list)]
    queries = iter(query_vectors(asked, embed) if asked else ())
    headed = iter(embed(titled) if titled else ())
    rows = iter(
        [
            Made(entry, next(queries) if isinstance(turns, list) else next(headed), text)
            for (entry, turns), text in zip(flat, texts, strict=True)
        ]
    )
    return [[next(rows) for _ in group] for group in groups]


_Found = tuple[Entry, list[tuple[Role, str]] | None]
"""An entry, and for a reply the turns that it is found by."""


_UNREAD = Intent("", 0.0)


@dataclass(frozen=True, slots=True)
class _Read:
    """What is needed of a reading; of an agent's text only the entities are."""

    entities: Sequence[Entity]
    intent: Intent = _UNREAD
    negative: float = 0.5


def _turns(item: KnowledgeItem) -> list[Turn]:
    return [*item.turns, Turn("agent", item.text)]


def _spans(turns: Sequence[Turn], reader: Reader) -> dict[str, _Read]:
    """Entities by text, each text once."""
    texts = list(dict.fromkeys(t.text for t in turns))
    return {text: _Read(spans) for text, spans in zip(texts, reader.entities(texts), strict=True)}


def _read(items: Sequence[KnowledgeItem], reader: Reader) -> dict[str, _Read]:
    """Readings by text, each text once and no more than is needed: a shop has many turns.

    Of an agent's text only the entities are read; the intent only where the item says none.
    """
    spans = _spans([turn for item in items for turn in _turns(item)], reader)
    customers = _customers(items)
    unsaid = _customers([item for item in items if not item.intent])
    intents = dict(zip(unsaid, reader.intents(unsaid), strict=True))
    moods = zip(customers, reader.sentiments(customers), strict=True)
    return spans | {
        text: _Read(spans[text].entities, intents.get(text, _UNREAD), mood.negative) for text, mood in moods
    }


def _customers(items: Sequence[KnowledgeItem]) -> list[str]:
    """The customers' texts, each once."""
    return list(dict.fromkeys(t.text for item in items for t in item.turns if t.role == "customer"))


def _passages(item: KnowledgeItem, knowledge: Knowledge, catalogue: Catalogue) -> list[_Found]:
    body = slots.delexicalise(item.text, recognise(item.text, catalogue), knowledge.facts)
    intents = (item.intent,) if item.intent else ()
    return [(Entry("article", item.id, item.title, part, intents), None) for part in passages(body)]


def _reply(
    item: KnowledgeItem, found: Mapping[str, _Read], knowledge: Knowledge, catalogue: Catalogue
) -> list[_Found]:
    values = _values(item.turns, found)
    facts = knowledge.facts
    template = _agent_template(item.text, found[item.text].entities, values, catalogue, facts)
    turns = [_turn_template(t, found[t.text].entities, values, catalogue, facts) for t in item.turns]
    title = item.title or textwrap.shorten(slots.spoken(template), TITLE, placeholder="…")
    customers = [found[t.text] for t in item.turns if t.role == "customer"]
    intents = (item.intent,) if item.intent else asked_for(one.intent for one in customers)
    negative = customers[-1].negative if customers else 0.5
    return [(Entry("reply", item.id, title, template, intents, negative), turns)]


def _values(turns: Sequence[Turn], found: Mapping[str, _Read]) -> dict[str, str]:
    """Values that the customer gave, by slot."""
    values: dict[str, str] = {}
    for turn in turns:
        if turn.role == "customer":
            values |= {slots.slot_of(e.type) or "": e.text for e in found[turn.text].entities}
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
        return "customer", masked(slots.delexicalise(turn.text, found))
    return "agent", _agent_template(turn.text, found, values, catalogue, facts)


def _agent_template(
    text: str,
    found: Sequence[Entity],
    values: Mapping[str, str],
    catalogue: Catalogue,
    facts: Mapping[str, str],
) -> str:
    """An agent's text as a template.

    A person who is not the customer becomes the agent's name. A date or an amount that the customer
    had not named was looked up for them: for the next customer it must be looked up again.
    """
    given = " ".join(values.values()).lower()
    known = " ".join(facts.values()).lower()
    certain = mentions(text, values)
    for entity in recognise(text, catalogue):
        own = entity.type in LOOKED_UP and entity.text.lower() not in given
        certain.append(replace(entity, type=LOOKED_UP[entity.type]) if own else entity)
    for entity in found:
        kind = "agent_name" if entity.type == "person" else entity.type
        if (kind == "agent_name" or kind in PLACES) and entity.text.lower() not in known:
            certain.append(replace(entity, type=kind))
    return masked(slots.delexicalise(text, [*certain, *_numbers(text)], facts))


def _numbers(text: str) -> list[Entity]:
    """Long numbers, whatever they are: what no rule could name is somebody's all the same."""
    found = []
    for match in _LONG_NUMBER.finditer(text):
        kind = "phone" if sum(sign.isdigit() for sign in match[0]) >= 9 else "order_id"
        found.append(Entity(kind, match[0], match.start(), match.end(), match[0], 0.5, "recogniser"))
    return found


def templates_of(
    conversations: Sequence[Sequence[Turn]],
    reader: Reader,
    facts: Mapping[str, str],
    catalogue: Catalogue | None = None,
) -> list[list[tuple[Role, str]]]:
    """Whole conversations as templates, each turn in the light of those before it; read in one batch."""
    found = _spans([turn for turns in conversations for turn in turns], reader)
    products = catalogue or Catalogue()
    return [
        [
            _turn_template(turn, found[turn.text].entities, _values(turns[:at], found), products, facts)
            for at, turn in enumerate(turns)
        ]
        for turns in conversations
    ]


def delexicaliser(
    catalogue: Catalogue, facts: Mapping[str, str], values: Mapping[str, str] | None = None
) -> Callable[[str], str]:
    """A function from raw text to template, without a model: forms, products, known values, facts."""

    def delexicalise(text: str) -> str:
        found = [*recognise(text, catalogue), *mentions(text, values or {})]
        return masked(slots.delexicalise(text, found, facts))

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
