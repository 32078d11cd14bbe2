"""Delexicalise and relexicalise: values <-> slot tokens such as <|slot:order_id|>.

Before text is remembered, trained on or put before the generator, the values in it (order
numbers, names, amounts ...) become slot tokens; after generation the slots are filled from this
conversation's own values or the shop's facts. Knows the inventory of slots and nothing of how
values are found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nlp.types import Entity

VALUE_SLOTS = (
    "customer_name",
    "agent_name",
    "order_id",
    "tracking_number",
    "invoice_number",
    "account_id",
    "email",
    "phone",
    "address",
    "city",
    "country",
    "company",
    "product",
    "amount",
    "date",
    "time",
    "coupon_code",
    "url",
    "card",
    "iban",
)
"""Filled from what the customer has written in this conversation."""

LOOKUP_SLOTS = ("ship_date", "eta_date", "refund_amount", "refund_date")
"""What an agent reads from the back office: never filled by us, always shown to the agent as open."""

FACT_SLOTS = (
    "shop_name",
    "shop_url",
    "account_url",
    "tracking_url",
    "returns_url",
    "size_guide_url",
    "privacy_url",
    "support_email",
    "support_phone",
    "support_hours",
    "store_address",
    "store_hours",
    "return_days",
    "refund_days",
    "damage_report_days",
    "lost_parcel_days",
    "cancel_minutes",
    "standard_price",
    "standard_time",
    "express_price",
    "express_time",
    "free_delivery_minimum",
    "international_price",
    "international_time",
    "international_countries",
    "payment_methods",
    "instalments",
    "warranty_years",
    "repair_price",
    "repair_time",
    "price_match_days",
    "loyalty_name",
    "loyalty_rate",
    "loyalty_value",
    "gift_card_validity",
    "newsletter_discount",
    "student_discount",
    "business_email",
    "business_minimum",
    "password_link_time",
    "privacy_days",
    "restock_time",
)
"""Facts of the shop, the same in every conversation. A shop may leave any of them unset."""

ALL_SLOTS = VALUE_SLOTS + LOOKUP_SLOTS + FACT_SLOTS

_KNOWN = frozenset(ALL_SLOTS)
_TOKEN = re.compile(r"<\|slot:([a-z_]+)\|>")
_FORGED = re.compile(r"<\|(?=\s*slot:)")

_SLOT_OF_TYPE = {"person": "customer_name"}
"""Entity types whose slot has another name; every other type is a slot of the same name."""


def token(slot: str) -> str:
    """The token of a slot: token("order_id") == "<|slot:order_id|>"."""
    return f"<|slot:{slot}|>"


def slots_in(template: str) -> tuple[str, ...]:
    """Names of the known slots in a template, in order, repeats kept."""
    return tuple(name for name in _TOKEN.findall(template) if name in _KNOWN)


def pieces(template: str) -> list[tuple[str, str | None]]:
    """Split a template into (text, None) and (token, slot name) parts, in order, losing nothing."""
    parts: list[tuple[str, str | None]] = []
    at = 0
    for match in _TOKEN.finditer(template):
        if match[1] not in _KNOWN:
            continue
        if match.start() > at:
            parts.append((template[at : match.start()], None))
        parts.append((match[0], match[1]))
        at = match.end()
    if at < len(template):
        parts.append((template[at:], None))
    return parts


def slot_of(entity_type: str) -> str | None:
    """The slot that an entity of this type fills, or None."""
    slot = _SLOT_OF_TYPE.get(entity_type, entity_type)
    return slot if slot in VALUE_SLOTS or slot in LOOKUP_SLOTS else None


def delexicalise(text: str, entities: Iterable[Entity] = (), facts: Mapping[str, str] | None = None) -> str:
    """Raw text to template: fact values, then entity spans clear of them, become slot tokens.

    Pass `facts` for agents' text only: a customer who writes "30 days" does not quote the shop.
    What a person typed that looks like a slot token is broken apart first, so it stays text.
    """
    spans = [*_fact_spans(text, facts or {})]
    for entity in sorted(entities, key=lambda e: (e.start, -e.end)):
        slot = slot_of(entity.type)
        clear = all(entity.start >= end or entity.end <= start for start, end, _ in spans)
        if slot is not None and clear:
            spans.append((entity.start, entity.end, slot))
    out: list[str] = []
    at = 0
    for start, end, slot in sorted(spans):
        out += (_FORGED.sub("< |", text[at:start]), token(slot))
        at = end
    return "".join(out) + _FORGED.sub("< |", text[at:])


def _fact_spans(text: str, facts: Mapping[str, str]) -> list[tuple[int, int, str]]:
    """(start, end, slot) of every fact in a text, the longest value first where they overlap."""
    by_value = {value.lower(): name for name, value in facts.items() if value and name in FACT_SLOTS}
    if not by_value:
        return []
    longest_first = sorted(by_value, key=len, reverse=True)
    pattern = "|".join(rf"(?<!\w){re.escape(value)}(?!\w)" for value in longest_first)
    found = re.finditer(pattern, text, flags=re.IGNORECASE)
    return [(m.start(), m.end(), by_value[m[0].lower()]) for m in found]


@dataclass(frozen=True, slots=True)
class Filled:
    """A template with its values in place; `unfilled` names the slots that had none."""

    text: str
    unfilled: tuple[str, ...]


def relexicalise(template: str, values: Mapping[str, str], facts: Mapping[str, str]) -> Filled:
    """Fill the slots of a template; one without a value is left as "[order id]" and reported."""
    missing: list[str] = []
    out: list[str] = []
    for text, slot in pieces(template):
        if slot is None:
            out.append(text)
            continue
        value = facts.get(slot) if slot in FACT_SLOTS else values.get(slot)
        if not value:
            missing.append(slot)
        out.append(value or f"[{slot.replace('_', ' ')}]")
    return Filled("".join(out), tuple(dict.fromkeys(missing)))


def spoken(template: str) -> str:
    """A template with slots as plain words ("order id"), for the encoder, which knows no slot tokens."""
    return _TOKEN.sub(lambda m: m[1].replace("_", " ") if m[1] in _KNOWN else m[0], template)


def from_braces(text: str) -> str:
    """Written corpus form to template: "within {return_days}" -> "within <|slot:return_days|>"."""
    return re.sub(r"\{([a-z_]+)\}", lambda m: token(m[1]), text)


def to_braces(template: str) -> str:
    """The way back: "within <|slot:return_days|>" -> "within {return_days}"."""
    return "".join(text if slot is None else f"{{{slot}}}" for text, slot in pieces(template))
