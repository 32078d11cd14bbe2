"""Made-up values for the placeholders of written texts: names, numbers, places, dates.

Turns "my order {order_id}" into a message with a value and the span where it stands, in the many
ways that people write such values. Knows no model; every value is invented or a place name.
"""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from training.word_lists import (
    CITIES,
    CODES,
    COMPANIES,
    COUNTRIES,
    DAYS,
    FIRST,
    LAST,
    LOOSE_DATES,
    LOOSE_TIMES,
    MONTHS,
    ROADS,
    STREETS,
    THINGS,
)

TYPE_OF = {
    "customer_name": "person",
    "agent_name": "person",
    "order_id": "order_id",
    "tracking_number": "tracking_number",
    "invoice_number": "invoice_number",
    "email": "email",
    "phone": "phone",
    "address": "address",
    "city": "city",
    "country": "country",
    "product": "product",
    "amount": "amount",
    "date": "date",
    "time": "time",
    "coupon_code": "coupon_code",
    "ship_date": "date",
    "eta_date": "date",
    "refund_amount": "amount",
    "refund_date": "date",
    "company": "company",
}
"""Entity type of each placeholder; a placeholder that is not here is a fact of the shop."""


def _person(rng: random.Random) -> str:
    first, last = rng.choice(FIRST), rng.choice(LAST)
    shape = rng.random()
    if shape < 0.45:
        return f"{first} {last}"
    if shape < 0.8:
        return first
    if shape < 0.88:
        return f"{rng.choice(('Mr', 'Mrs', 'Ms', 'Dr'))} {last}"
    return f"{first} {rng.choice(FIRST)} {last}" if shape < 0.92 else f"{first[0]}. {last}"


def _order(rng: random.Random) -> str:
    number = f"10{rng.randrange(10_000):04d}"
    return rng.choice((f"TT-{number}", f"TT-{number}", f"tt-{number}", number, f"#{number}", f"TT{number}"))


def _address(rng: random.Random) -> str:
    number = str(rng.randrange(1, 220)) + rng.choice(("", "", "", "a", "B"))
    street = f"{number} {rng.choice(STREETS)} {rng.choice(ROADS)}"
    code = f"{rng.choice(('BS', 'LS', 'M', 'G', 'EH', 'CF', 'SW', 'NR', 'YO', 'BN'))}{rng.randrange(1, 20)}"
    code += f" {rng.randrange(1, 10)}{rng.choice('ABDEFGHJ')}{rng.choice('ABDEFGHJLN')}"
    shape = rng.random()
    if shape < 0.45:
        return street
    if shape < 0.6:
        return f"{street}, {code}"
    flat = rng.choice(("", "", f"Flat {rng.randrange(1, 30)}, ", "The Old Barn, ", "Apt 4, "))
    return f"{flat}{street}, {rng.choice(CITIES)}" + (f" {code}" if shape < 0.85 else "")


def _email(rng: random.Random) -> str:
    first, last = rng.choice(FIRST).lower(), re.sub(r"\W", "", rng.choice(LAST).lower())
    name = rng.choice(
        (f"{first}.{last}", f"{first}{rng.randrange(99)}", f"{first[0]}{last}", f"{first}_{last}")
    )
    return f"{name}@{rng.choice(('example.com', 'example.org', 'mail.example', 'post.example.net'))}"


def _tracking(rng: random.Random) -> str:
    digits = str(rng.randrange(10**8, 10**9))
    return rng.choice((f"RM{digits}GB", f"TNT{digits}8GB", f"JD{digits}{digits}"[:18], digits + digits[:5]))


def _date(rng: random.Random) -> str:
    day, month, weekday = rng.randrange(1, 29), rng.choice(MONTHS), rng.choice(DAYS)
    ordinal = f"{day}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(day % 10 if day not in (11, 12, 13) else 0, 'th') }"
    written = (
        f"{day} {month}",
        f"{month} {ordinal}",
        f"the {ordinal} of {month}",
        f"{weekday} {day} {month[:3]}",
        weekday,
        weekday,
        f"last {weekday}",
        f"next {weekday}",
        f"{day:02d}/{rng.randrange(1, 13):02d}/2026",
        f"{ordinal} {month} 2026",
        f"2026-{rng.randrange(1, 13):02d}-{day:02d}",
        f"{weekday} the {ordinal}",
    )
    return rng.choice(LOOSE_DATES) if rng.random() < 0.3 else rng.choice(written)


def _time(rng: random.Random) -> str:
    hour, minute = rng.randrange(1, 13), rng.choice(("00", "15", "30", "45", "20"))
    written = (
        f"{hour}:{minute}",
        f"{hour}pm",
        f"{hour} am",
        f"{hour}.{minute}pm",
        f"{hour + 11}:{minute}",
        f"{hour} o'clock",
    )
    return rng.choice(LOOSE_TIMES) if rng.random() < 0.35 else rng.choice(written)


def _amount(rng: random.Random) -> str:
    pounds, pence = rng.randrange(3, 260), rng.choice(("00", "50", "95", "99", "20"))
    return rng.choice(
        (
            f"£{pounds}.{pence}",
            f"£{pounds}",
            f"{pounds} pounds",
            f"{pounds} quid",
            f"${pounds}.{pence}",
            f"€{pounds}",
            f"{pounds}.{pence} pounds",
            f"£ {pounds}",
        )
    )


def _phone(rng: random.Random) -> str:
    digits = f"{rng.randrange(10**6):06d}"
    return rng.choice(
        (f"07700 9{digits[:5]}", f"020 7946 0{digits[:3]}", f"+44 7700 9{digits[:5]}", f"077009{digits[:5]}")
    )


@dataclass(frozen=True, slots=True)
class Filled:
    """A text with its values in place; spans are (start, end, entity type), in order."""

    text: str
    spans: tuple[tuple[int, int, str], ...]


class Filler:
    """Fills placeholders; the same seed gives the same values. `facts` and `products` are the shop's."""

    def __init__(self, facts: Mapping[str, str], products: Sequence[str], seed: int) -> None:
        self._facts = facts
        self._products = tuple(products)
        self._seed = seed
        self._rng = random.Random(seed)

    def named(self, name: str) -> Filler:
        """A filler of its own for `name`: its values depend on the seed and the name alone."""
        return Filler(self._facts, self._products, zlib.crc32(f"{self._seed}-{name}".encode()))

    def fill(self, template: str) -> Filled:
        """Raises KeyError for a placeholder that is neither a value nor a fact of the shop."""
        out: list[str] = []
        spans: list[tuple[int, int, str]] = []
        chosen: dict[str, str] = {}
        at = length = 0
        for match in re.finditer(r"\{([a-z_]+)\}", template):
            before = template[at : match.start()]
            name = match[1]
            if name not in chosen:
                chosen[name] = self._value(name)
            value = chosen[name]
            start = length + len(before)
            if name in TYPE_OF:
                spans.append((start, start + len(value), TYPE_OF[name]))
            out += (before, value)
            length, at = start + len(value), match.end()
        return Filled("".join(out) + template[at:], tuple(spans))

    def _value(self, name: str) -> str:
        rng = self._rng
        kind = TYPE_OF.get(name)
        if kind is None:
            return self._facts[name]
        if kind == "product":
            return rng.choice(self._products if rng.random() < 0.7 else THINGS)
        listed = {"city": CITIES, "country": COUNTRIES, "company": COMPANIES}
        if kind in listed:
            return rng.choice(listed[kind])
        if kind == "coupon_code":
            return f"{rng.choice(CODES)}{rng.choice(('10', '15', '20', '5', '25'))}"
        if kind == "invoice_number":
            return f"INV-2026-{rng.randrange(100000):05d}"
        makers = {
            "person": _person,
            "order_id": _order,
            "tracking_number": _tracking,
            "email": _email,
            "phone": _phone,
            "address": _address,
            "amount": _amount,
            "date": _date,
            "time": _time,
        }
        return makers[kind](rng)
