"""Texts with entity spans: public sets mapped to our types, and the demo corpus with made-up values.

A set marks only some of our types. What it doesn't mark is not an error to predict, so every text
says which types its unmarked words are known not to be, and which words to skip. Knows no model.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlp.entities import TYPES
from nlp.places import COUNTRIES as COUNTRY_PATTERN
from training.files import held_out
from training.label_maps import ANY_PLACE, SHIPPED
from training.reading_sets import demo_files, read_lines
from training.values import Filler
from training.word_lists import COUNTRIES

MOST = 3500
"""Texts with an entity taken of one set."""
HELD_OUT = 0.1
"""Share of the public sets and of our own messages that is never trained on."""
SKIP = "skip"
"""Type of a span that teaches nothing, such as the title of a film."""
_MARK = re.compile(r"\[\[([a-z_]+)\|(.+?)\]\]")

_NUMBERS = frozenset(
    """
    email phone card iban url order_id tracking_number invoice_number account_id coupon_code
    """.split()
)
"""Types that every set marks, or that do not occur in it."""
_PLACES = frozenset(ANY_PLACE.split("|"))


@dataclass(frozen=True, slots=True)
class PublicSet:
    """How to read one public set; labels that are in no map and not in `plain` teach nothing."""

    file: str
    known: frozenset[str]
    """Types that are always marked in it."""
    plain: frozenset[str] = frozenset()
    """Its labels that we treat as no entity at all."""
    weight: float = 1.0


SETS = (
    PublicSet(
        "en_multidogo_slots.jsonl",
        frozenset({"person", "address", "city"}) | _NUMBERS,
        frozenset(
            """
            food_item quantity drink_item ingredient size expense_type service_type datacategoryvalues
            seat_type payment_type excluded_ingredient replacement_reason offer police_notified frequency
            """.split()
        ),
        0.7,
    ),
    PublicSet(
        "en_sgd_slots.jsonl.gz",
        frozenset({"person", "date", "time", "address", "product"}) | _PLACES | _NUMBERS,
        frozenset({"genre", "cuisine", "number_of_days", "subcategory", "category", "rating"}),
        0.7,
    ),
    PublicSet(
        "en_restaurant8k.jsonl",
        frozenset({"person", "date", "time", "address", "amount", "product"}) | (_NUMBERS - {"phone"}),
        frozenset({"people"}),
        0.7,
    ),
    PublicSet(
        "en_nlupp_slots.jsonl",
        frozenset({"person", "company", "date", "time", "amount", "address"}) | _NUMBERS,
        frozenset({"adults", "rooms", "kids", "people", "shopping_category", "number"}),
    ),
    PublicSet(
        "en_wnut17.jsonl", frozenset({"person", "company", "product"}) | _PLACES | (_NUMBERS - {"url"})
    ),
    PublicSet(
        "en_presidio_pii_SYNTHETIC.jsonl",
        frozenset({"person", "address", "company", "order_id", "tracking_number"}) | _PLACES,
    ),
    PublicSet(
        "en_bitext_order_ids.jsonl",
        frozenset({"person", "company", "address"}) | _PLACES | _NUMBERS,
        frozenset({"account_type"}),
        0.3,
    ),
)
DEMO_KNOWN = frozenset({"person", "address", "product"}) | _NUMBERS
"""The demo corpus also names days, places and carriers in plain words, which its placeholders do not mark."""


@dataclass(frozen=True, slots=True)
class Tagged:
    """A text with spans (start, end, type or SKIP); words outside are known not to be of `known` types.

    A type may be several joined by "|", of which it is one.
    """

    text: str
    spans: tuple[tuple[int, int, str], ...]
    known: frozenset[str]
    source: str
    weight: float = 1.0
    held_out: bool = False


def tagged_rows(
    data: Path, shop: Path, phrases: Path, written: Path, filler: Filler, seed: int
) -> list[Tagged]:
    """Every set, a tenth of each held out (of the demo corpus: the held-out conversations)."""
    rng = random.Random(seed)
    rows: list[Tagged] = []
    for public in SETS:
        kept = [_public_row(public, raw) for raw in read_lines(data / "ner" / public.file)]
        empty = [row for row in kept if not row.spans]
        # Most turns hold no entity; half as many without as with are enough.
        full = [row for row in kept if row.spans]
        full = rng.sample(full, min(len(full), MOST))
        rows += full + rng.sample(empty, min(len(empty), len(full) // 2))
    rows += _demo_rows(shop, filler)
    rows += _phrase_rows(phrases, filler, rng)
    rows += _written_rows(written, rng)
    return rows


def _written_rows(written: Path, rng: random.Random) -> Iterator[Tagged]:
    """Each message, and a third of those that are learned from once more without punctuation."""
    for raw in read_lines(written):
        text, spans = unmarked(raw["text"])
        row = Tagged(text, spans, frozenset(TYPES), "written", 2.0, held_out(text, HELD_OUT))
        yield row
        if not row.held_out and rng.random() < 0.33 and (bare := _careless(row)).text != text:
            yield bare


def unmarked(marked: str) -> tuple[str, tuple[tuple[int, int, str], ...]]:
    """Text and spans of "I'm [[person|Ada]]": ("I'm Ada", ((4, 7, "person"),)).

    Raises ValueError for a type that is not ours.
    """
    out: list[str] = []
    spans: list[tuple[int, int, str]] = []
    at = length = 0
    for match in _MARK.finditer(marked):
        kind, value = match[1], match[2]
        if kind not in TYPES:
            raise ValueError(f"{kind!r} is no entity type")
        out += (marked[at : match.start()], value)
        length += match.start() - at
        spans.append((length, length + len(value), kind))
        length += len(value)
        at = match.end()
    return "".join(out) + marked[at:], tuple(spans)


def _public_row(public: PublicSet, raw: dict[str, Any]) -> Tagged:
    tokens: list[str] = raw["tokens"]
    text, places = place(tokens, raw.get("text"))
    spans: list[tuple[int, int, str]] = []
    for label, first, last in bio_runs(raw["tags"]):
        if label in public.plain:
            continue
        start, end = places[first][0], places[last][1]
        kind = SHIPPED.get(label.lower(), SKIP)
        if kind == ANY_PLACE and is_country(text[start:end]):
            kind = "country"
        if kind == "person" and spans and spans[-1][2] == kind and not text[spans[-1][1] : start].strip():
            start = spans.pop()[0]
        spans.append((start, end, kind))
    name = public.file.split(".")[0]
    return Tagged(text, tuple(spans), public.known, name, public.weight, held_out(text, HELD_OUT))


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
                apart = bool(talk.get("held_out"))
                yield from _filled(turn, filler, "demo", 1, apart=apart)


def _phrase_rows(phrases: Path, filler: Filler, rng: random.Random) -> Iterator[Tagged]:
    for raw in read_lines(phrases):
        template = raw["text"]
        for row in _filled(template, filler, "details", 8 if "{" in template else 1):
            yield row if rng.random() < 0.6 else _careless(row)


def _filled(
    template: str, filler: Filler, source: str, times: int, *, apart: bool = False
) -> Iterator[Tagged]:
    for _ in range(times):
        filled = filler.fill(template)
        spans = tuple((start, end, kind if kind in TYPES else SKIP) for start, end, kind in filled.spans)
        yield Tagged(filled.text, spans, DEMO_KNOWN, source, 1.0, apart)


def _careless(row: Tagged) -> Tagged:
    """Without commas and full stops that stand outside the values; letters keep their places."""
    inside = {at for start, end, _ in row.spans for at in range(start, end)}
    text = "".join(" " if sign in ",.;:" and at not in inside else sign for at, sign in enumerate(row.text))
    return Tagged(text, row.spans, row.known, row.source, row.weight, row.held_out)
