"""The demo shop: puts facts, products, help articles, canned replies and past conversations in place.

Reads the corpus in bot/demo (intents and everyday conversations, with {placeholders}) and fills in
made-up but consistent values, the same for the same conversation every time. Running it twice
changes nothing, and keeps what admins have edited. Names are common ones, e-mails end in
example.com and phone numbers lie in a range reserved for fiction. Knows storage and the corpus;
the models learn from it elsewhere.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from storage import conversations, knowledge
from storage.database import Database, Transaction

FOLDER = Path(__file__).parent / "demo"
DAYS_OF_HISTORY = 90
BATCH = 32
"""Conversations in one transaction."""

_PREFIX = "demo:"
"""Of the external ids of the shop's conversations."""
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")

_FIRST_NAMES = ("Amelia", "Priya", "Callum", "Sofia", "George", "Aisha", "Rhys", "Mateo", "Niamh", "Kofi")
_LAST_NAMES = ("Hughes", "Patel", "Morrison", "Okafor", "Lindqvist", "Farrell", "Novak", "Singh", "Reid")
_AGENTS = ("Moira", "Tom", "Anjali", "Bryn")
_STREETS = ("Mill Lane", "Station Road", "Harbour Terrace", "Church Street", "Elm Grove", "Castle Row")
_TOWNS = (
    ("Leeds", "LS6 2AB"),
    ("Cardiff", "CF10 3NB"),
    ("Inverness", "IV2 3BW"),
    ("Norwich", "NR2 4TF"),
    ("Exeter", "EX4 4QJ"),
    ("York", "YO1 7HH"),
    ("Kendal", "LA9 4RL"),
    ("Belfast", "BT7 1NN"),
)
_COUNTRIES = ("Norway", "Ireland", "Germany", "Switzerland", "Iceland", "France", "Denmark")
_CODES = ("WELCOME10", "TERN15", "AUTUMN20", "HIKE10", "THISTLE5")


@dataclass(frozen=True, slots=True)
class Shop:
    """What shop.json says: facts by name and the names of the products."""

    facts: Mapping[str, str]
    products: Sequence[str]


@dataclass(frozen=True, slots=True)
class Article:
    """A help article with the facts filled in."""

    slug: str
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Canned:
    """A prepared reply with the facts filled in."""

    shortcut: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Past:
    """A past conversation with everything filled in; turns alternate, the customer begins."""

    id: str
    intent: str
    mood: str
    customer_name: str
    turns: Sequence[str]


@dataclass(frozen=True, slots=True)
class Seeded:
    """How much of each was new."""

    articles: int
    canned: int
    conversations: int


async def seed(db: Database, folder: Path = FOLDER, *, now: datetime | None = None) -> Seeded:
    """Put the whole shop in place. What is there already stays as it is, edits included.

    Raises OSError, ValueError or KeyError where the corpus is broken, StorageError where storage is.
    """
    shop = await asyncio.to_thread(read_shop, folder)
    articles = await asyncio.to_thread(lambda: list(read_articles(shop, folder)))
    canned = await asyncio.to_thread(lambda: list(read_canned(shop, folder)))
    past = await asyncio.to_thread(lambda: list(read_past(shop, folder)))
    async with db.read() as tx:
        there = await conversations.imported_ids(tx, _PREFIX)
    new = [one for one in past if _PREFIX + one.id not in there]
    time = now or datetime.now(UTC)
    await db.write(lambda tx: _put_shop(tx, shop))
    return Seeded(
        articles=await db.write(lambda tx: _put_articles(tx, articles)),
        canned=await db.write(lambda tx: _put_canned(tx, canned)),
        # Many small transactions: others' writes get their turn in between.
        conversations=sum(
            [await _put_batch(db, new[at : at + BATCH], time) for at in range(0, len(new), BATCH)]
        ),
    )


async def _put_shop(tx: Transaction, shop: Shop) -> None:
    if not await knowledge.facts(tx):
        await knowledge.put_facts(tx, shop.facts)
    if not await knowledge.products(tx):
        await knowledge.put_products(tx, shop.products)


async def _put_articles(tx: Transaction, articles: Sequence[Article]) -> int:
    new = [item for item in articles if await knowledge.article_by_slug(tx, item.slug) is None]
    for item in new:
        await knowledge.create_article(tx, slug=item.slug, title=item.title, body=item.body)
    return len(new)


async def _put_canned(tx: Transaction, canned: Sequence[Canned]) -> int:
    known = {reply.shortcut for reply in await knowledge.list_canned_replies(tx)}
    new = [item for item in canned if item.shortcut not in known]
    for item in new:
        await knowledge.create_canned_reply(tx, shortcut=item.shortcut, title=item.title, text=item.text)
    return len(new)


async def _put_batch(db: Database, batch: Sequence[Past], now: datetime) -> int:
    async def store(tx: Transaction) -> int:
        return sum([await _put_past(tx, past, now) for past in batch])

    return await db.write(store)


async def _put_past(tx: Transaction, past: Past, now: datetime) -> bool:
    roles = itertools.cycle(("customer", "agent"))
    stored = await conversations.import_conversation(
        tx,
        external_id=_PREFIX + past.id,
        turns=list(zip(roles, past.turns, times(past, now), strict=False)),
        meta={"customer_name": past.customer_name, "locale": "en-GB", "tags": [past.intent]},
    )
    return stored.created


def read_shop(folder: Path = FOLDER) -> Shop:
    """Facts and products; raises OSError or ValueError where shop.json is missing or broken."""
    raw = json.loads((folder / "shop.json").read_text(encoding="utf-8"))
    return Shop(facts=dict(raw["facts"]), products=tuple(raw["products"]))


def read_articles(shop: Shop, folder: Path = FOLDER) -> Iterator[Article]:
    """The help articles, by file name."""
    for path in sorted((folder / "articles").glob("*.md")):
        heading, _, body = path.read_text(encoding="utf-8").partition("\n")
        title = heading.removeprefix("#").strip()
        yield Article(path.stem, fill(title, shop.facts), fill(body.strip(), shop.facts))


def read_canned(shop: Shop, folder: Path = FOLDER) -> Iterator[Canned]:
    """One prepared reply for each intent: its first one that needs nothing but the shop's facts."""
    for intent in _read(folder / "intents"):
        ready = (reply for reply in intent["replies"] if set(_PLACEHOLDER.findall(reply)) <= set(shop.facts))
        text = next(ready, None)
        if text is not None:
            name = str(intent["intent"])
            title = name.replace("_", " ").capitalize()
            yield Canned(name.replace("_", "-"), title, fill(text, shop.facts))


def read_past(shop: Shop, folder: Path = FOLDER) -> Iterator[Past]:
    """The past conversations. Those held out for judging models are left out, or they would be known."""
    for intent in itertools.chain(_read(folder / "intents"), _read(folder / "everyday")):
        for raw in intent["conversations"]:
            if raw.get("held_out"):
                continue
            values = invent(str(raw["id"]), shop)
            yield Past(
                id=str(raw["id"]),
                intent=str(intent["intent"]),
                mood=str(raw.get("mood", "")),
                customer_name=values["customer_name"],
                turns=tuple(fill(turn, values) for turn in raw["turns"]),
            )


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put values in place of {placeholders}; an unknown one is a mistake in the corpus: KeyError."""
    return _PLACEHOLDER.sub(lambda match: values[match[1]], text)


def invent(conversation_id: str, shop: Shop) -> dict[str, str]:
    """Values for every placeholder, facts included; always the same for the same id."""
    rng = random.Random(conversation_id)
    first, last = rng.choice(_FIRST_NAMES), rng.choice(_LAST_NAMES)
    town, postcode = rng.choice(_TOWNS)
    ordered = datetime(2025, 1, 6, tzinfo=UTC) + timedelta(days=rng.randrange(250))
    pence = rng.choice((0, 50, 95, 99))
    return dict(shop.facts) | {
        "customer_name": rng.choice((first, f"{first} {last}")),
        "agent_name": rng.choice(_AGENTS),
        "order_id": f"TT-{rng.randrange(100_000, 1_000_000)}",
        "tracking_number": f"TT{rng.randrange(10**8, 10**9)}GB",
        "invoice_number": f"INV-{rng.randrange(10_000, 100_000)}",
        "email": f"{first}.{last}@example.com".lower(),
        "phone": f"07700 900{rng.randrange(1000):03d}",
        "address": f"{rng.randrange(1, 99)} {rng.choice(_STREETS)}, {town} {postcode}",
        "city": town,
        "country": rng.choice(_COUNTRIES),
        "product": rng.choice(shop.products),
        "amount": f"£{rng.randrange(8, 190)}.{pence:02d}",
        "date": _day(ordered),
        "time": f"{rng.randrange(8, 20)}:{rng.choice((0, 15, 30, 45)):02d}",
        "coupon_code": rng.choice(_CODES),
        "ship_date": _day(ordered + timedelta(days=1)),
        "eta_date": _day(ordered + timedelta(days=rng.randrange(3, 6))),
        "refund_amount": f"£{rng.randrange(8, 120)}.{pence:02d}",
        "refund_date": _day(ordered + timedelta(days=rng.randrange(9, 14))),
        "company": f"{rng.choice(_LAST_NAMES)} Outdoors Ltd",
    }


def times(past: Past, now: datetime) -> list[datetime]:
    """When each turn was written: on one day of the last DAYS_OF_HISTORY, in opening hours, minutes apart."""
    rng = random.Random(f"{past.id} times")
    day = (now - timedelta(days=rng.randrange(1, DAYS_OF_HISTORY))).replace(microsecond=0)
    at = day.replace(hour=rng.randrange(9, 18), minute=rng.randrange(60), second=rng.randrange(60))
    stamps = []
    for _ in past.turns:
        stamps.append(at)
        at += timedelta(seconds=rng.randrange(40, 300))
    return stamps


def _day(at: datetime) -> str:
    return f"{at.day} {at:%B}"


def _read(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob("*.json")):
        yield json.loads(path.read_text(encoding="utf-8"))
