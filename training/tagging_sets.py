"""Texts with entity spans: public sets mapped to our types, and the demo corpus with made-up values.

A set marks only some of our types. What it doesn't mark is not an error to predict, so every text
says which types its unmarked words are known not to be, and which words to skip. Knows no model.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlp.entities import TYPES
from nlp.places import COUNTRIES as COUNTRY_PATTERN
from training.reading_sets import demo_files, read_lines
from training.values import Filler
from training.word_lists import COUNTRIES

MOST = 2500
"""Texts with an entity taken of one set."""
SKIP = "skip"
"""Type of a span that teaches nothing, such as a place of unclear kind."""

_SGD_DATES = (
    "date",
    "departure_date",
    "check_in_date",
    "pickup_date",
    "appointment_date",
    "dropoff_date",
    "check_out_date",
    "event_date",
    "return_date",
    "show_date",
    "visit_date",
    "leaving_date",
)
_SGD_TIMES = (
    "appointment_time",
    "time",
    "pickup_time",
    "event_time",
    "departure_time",
    "leaving_time",
    "outbound_departure_time",
    "inbound_departure_time",
)
_SGD_CITIES = ("city", "city_of_event", "origin_city", "destination_city", "pickup_city")
_SGD_PEOPLE = ("recipient_account_name", "doctor_name", "dentist_name", "stylist_name", "directed_by")


@dataclass(frozen=True, slots=True)
class PublicSet:
    """How one public set maps to our types; any label of it that is not in `types` is skipped or plain."""

    file: str
    types: dict[str, str]
    known: frozenset[str]
    plain: frozenset[str] = frozenset()
    """Its labels that we treat as no entity at all."""
    weight: float = 1.0


SETS = (
    PublicSet(
        "en_multidogo_slots.jsonl",
        {
            "name": "person",
            "address": "address",
            "current_city": "city",
            "arrival_city": "city",
            "departure_city": "city",
            "new_city": "city",
            "company_name": "company",
            "charge_date": "date",
            "start_date": "date",
            "end_date": "date",
            "date": "date",
            "lastuseddate": "date",
            "charge_time": "time",
            "lastusedtime": "time",
            "arrival_time": "time",
            "departure_time": "time",
            "cost": "amount",
            "charge_amount": "amount",
            "transferamount": "amount",
            "price": "amount",
        },
        frozenset({"person", "address", "city", "coupon_code"}),
        frozenset(
            {
                "food_item",
                "quantity",
                "drink_item",
                "ingredient",
                "size",
                "expense_type",
                "service_type",
                "datacategoryvalues",
                "seat_type",
                "payment_type",
            }
        ),
        0.7,
    ),
    PublicSet(
        "en_sgd_slots.jsonl.gz",
        {
            **dict.fromkeys(_SGD_DATES, "date"),
            **dict.fromkeys(_SGD_TIMES, "time"),
            "amount": "amount",
            **dict.fromkeys(_SGD_CITIES, "city"),
            **dict.fromkeys(_SGD_PEOPLE, "person"),
        },
        frozenset({"person", "date", "time", "address", "coupon_code", "product"}),
        frozenset({"genre", "cuisine", "number_of_days", "subcategory", "category", "rating"}),
        0.7,
    ),
    PublicSet(
        "en_restaurant8k.jsonl",
        {"date": "date", "time": "time", "first_name": "person", "last_name": "person"},
        frozenset({"person", "date", "time", "address", "amount", "coupon_code", "product"}),
        frozenset({"people"}),
        0.7,
    ),
    PublicSet(
        "en_nlupp_slots.jsonl",
        {
            "date": "date",
            "date_period": "date",
            "date_from": "date",
            "date_to": "date",
            "time": "time",
            "time_period": "time",
            "time_from": "time",
            "time_to": "time",
            "amount_of_money": "amount",
            "person_name": "person",
            "company_name": "company",
        },
        frozenset({"person", "company", "date", "time", "amount", "address", "coupon_code"}),
        frozenset({"adults", "rooms", "kids", "people", "shopping_category", "number"}),
    ),
    PublicSet(
        "en_wnut17.jsonl",
        {"person": "person", "corporation": "company", "product": "product"},
        frozenset({"person", "company", "product", "coupon_code"}),
    ),
    PublicSet(
        "en_presidio_pii_SYNTHETIC.jsonl",
        {
            "PERSON": "person",
            "STREET_ADDRESS": "address",
            "GPE": "city",
            "ORGANIZATION": "company",
            "DATE_TIME": "date",
        },
        frozenset({"person", "address", "city", "country", "company"}),
    ),
    PublicSet(
        "en_bitext_order_ids.jsonl",
        {
            "person_name": "person",
            "delivery_city": "city",
            "delivery_country": "country",
            "refund_amount": "amount",
        },
        frozenset({"person", "city", "country", "company", "address"}),
        frozenset({"account_type"}),
        0.3,
    ),
)
DEMO_KNOWN = frozenset({"person", "address", "product", "coupon_code"})
"""The demo corpus also names days, places and carriers in plain words, which its placeholders do not mark."""


@dataclass(frozen=True, slots=True)
class Tagged:
    """A text with spans (start, end, type or SKIP); words outside are known not to be of `known` types."""

    text: str
    spans: tuple[tuple[int, int, str], ...]
    known: frozenset[str]
    source: str
    weight: float = 1.0
    held_out: bool = False


def tagged_rows(data: Path, shop: Path, phrases: Path, filler: Filler, seed: int) -> list[Tagged]:
    """Every set, a tenth of each held out (of the demo corpus: the held-out conversations)."""
    rng = random.Random(seed)
    rows: list[Tagged] = []
    for public in SETS:
        kept = [_public_row(public, raw, rng) for raw in read_lines(data / "ner" / public.file)]
        empty = [row for row in kept if not row.spans]
        # Most turns hold no entity; half as many without as with are enough.
        full = [row for row in kept if row.spans]
        full = rng.sample(full, min(len(full), MOST))
        rows += full + rng.sample(empty, min(len(empty), len(full) // 2))
    rows += _demo_rows(shop, filler)
    rows += _phrase_rows(phrases, filler, rng)
    return rows


def _public_row(public: PublicSet, raw: dict[str, Any], rng: random.Random) -> Tagged:
    tokens: list[str] = raw["tokens"]
    text, places = place(tokens, raw.get("text"))
    spans: list[tuple[int, int, str]] = []
    for label, first, last in bio_runs(raw["tags"]):
        if label in public.plain:
            continue
        start, end = places[first][0], places[last][1]
        kind = public.types.get(label, SKIP)
        if label == "GPE" and is_country(text[start:end]):
            kind = "country"
        if kind == "person" and spans and spans[-1][2] == kind and not text[spans[-1][1] : start].strip():
            start = spans.pop()[0]
        spans.append((start, end, kind))
    name = public.file.split(".")[0]
    return Tagged(text, tuple(spans), public.known, name, public.weight, rng.random() < 0.1)


def is_country(text: str) -> bool:
    """True for the name of a country, whatever its case."""
    return COUNTRY_PATTERN.fullmatch(text) is not None or text.lower() in {name.lower() for name in COUNTRIES}


def place(tokens: Sequence[str], text: str | None) -> tuple[str, list[tuple[int, int]]]:
    """The text and the (start, end) of each token in it; without a text, tokens joined by spaces."""
    if text is not None:
        found: list[tuple[int, int]] = []
        at = 0
        for token in tokens:
            at = text.find(token, at)
            if at < 0:
                break
            found.append((at, at + len(token)))
            at += len(token)
        if len(found) == len(tokens):
            return text, found
    starts: list[tuple[int, int]] = []
    length = 0
    for token in tokens:
        starts.append((length, length + len(token)))
        length += len(token) + 1
    return " ".join(tokens), starts


def bio_runs(tags: Sequence[str]) -> list[tuple[str, int, int]]:
    """(label, first token, last token) of each run; an I- without its B- opens a run."""
    runs: list[tuple[str, int, int]] = []
    open_label = ""
    for at, tag in enumerate(tags):
        label = tag[2:]
        if tag.startswith("I-") and label == open_label:
            runs[-1] = (label, runs[-1][1], at)
        elif tag != "O":
            runs.append((label, at, at))
        open_label = label
    return runs


def _demo_rows(shop: Path, filler: Filler) -> Iterator[Tagged]:
    for raw in demo_files(shop):
        for text in raw["phrasings"]:
            yield from _filled(text, filler, "demo", 2 if "{" in text else 1)
        for talk in raw["conversations"]:
            for turn in talk["turns"]:
                held_out = bool(talk.get("held_out"))
                yield from _filled(turn, filler, "demo", 1, held_out=held_out)


def _phrase_rows(phrases: Path, filler: Filler, rng: random.Random) -> Iterator[Tagged]:
    for raw in read_lines(phrases):
        template = raw["text"]
        for row in _filled(template, filler, "details", 8 if "{" in template else 1):
            yield row if rng.random() < 0.6 else _careless(row)


def _filled(
    template: str, filler: Filler, source: str, times: int, *, held_out: bool = False
) -> Iterator[Tagged]:
    for _ in range(times):
        filled = filler.fill(template)
        spans = tuple((start, end, kind if kind in TYPES else SKIP) for start, end, kind in filled.spans)
        yield Tagged(filled.text, spans, DEMO_KNOWN, source, 1.0, held_out)


def _careless(row: Tagged) -> Tagged:
    """Without commas and full stops that stand outside the values; letters keep their places."""
    inside = {at for start, end, _ in row.spans for at in range(start, end)}
    text = "".join(" " if sign in ",.;:" and at not in inside else sign for at, sign in enumerate(row.text))
    return Tagged(text, row.spans, row.known, row.source, row.weight, row.held_out)
