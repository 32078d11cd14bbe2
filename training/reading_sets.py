"""Labelled texts for sentiment and intents: public sets, written messages, the demo shop's corpus.

Reads files and decides what each set may teach. Knows no model.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlp import slots
from nlp.intents import OUT_OF_SCOPE
from nlp.sentiment import MOODS
from training.corpus import read_everyday
from training.files import held_out, raw_rows
from training.values import Filler

_INFORMATION = """
    store_hours size_advice delivery_options product_info product_availability payment_methods return_policy
    international_delivery gift_card business_order contact_details account_create price_match loyalty_points
    invoice_request account_details_change"""
INFORMATION = frozenset(_INFORMATION.split())
"""Demo intents whose first messages are plain questions."""
_PROBLEMS = """
item_damaged item_faulty delivery_late delivery_missing order_missing_item order_wrong_item double_charge
refund_missing
"""
PROBLEMS = frozenset(_PROBLEMS.split())
"""Demo intents whose first messages report that something went wrong: mostly complaints without saying so."""
_CLOSING = re.compile(
    r"^\W*(?:thank|thanks|cheers|perfect|great|lovely|brilliant|wonderful|oh lovely|ta)\b", re.IGNORECASE
)
_QUESTIONING = frozenset({"curiosity", "confusion"})

BITEXT = {
    "cancel_order": "order_cancel",
    "change_order": "order_change",
    "change_shipping_address": "delivery_address_change",
    "get_invoice": "invoice_request",
    "check_invoice": "invoice_request",
    "check_payment_methods": "payment_methods",
    "check_refund_policy": "return_policy",
    "complaint": "complaint",
    "contact_customer_service": "contact_details",
    "contact_human_agent": "talk_to_person",
    "create_account": "account_create",
    "delete_account": "account_delete",
    "delivery_options": "delivery_options",
    "edit_account": "account_details_change",
    "payment_issue": "payment_failed",
    "place_order": "order_place_help",
    "recover_password": "password_reset",
    "track_order": "order_status",
    "track_refund": "refund_status",
}
"""Bitext's intents that mean the same as one of ours; the others are left out."""
BANKING = {"transaction_charged_twice": "double_charge", "Refund_not_showing_up": "refund_missing"}
CLINC = {
    "thank_you": "thanks_goodbye",
    "goodbye": "thanks_goodbye",
    "greeting": "greeting",
    "are_you_a_bot": "are_you_a_bot",
    "oos": OUT_OF_SCOPE,
}
_NEAR_US = re.compile(
    r"order|card|pay|bill|ship|yes|no$|maybe|cancel|repeat|account|credit|refund|transaction|what_can|who_|your_|you_|"
    r"name|hobbies|where_are|small_talk|meaning|pin|spending|redeem|reward|return|insurance|exchange|fraud"
)
"""CLINC intents that a shop might well be asked about: they teach nothing about what is out of scope."""


@dataclass(frozen=True, slots=True)
class Row:
    """A labelled text. `weight` says how much it counts; `held_out` rows are only for measuring."""

    text: str
    label: str
    source: str
    weight: float = 1.0
    held_out: bool = False


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON-lines file, gzip allowed; raises BadFile."""
    return (raw for _, raw in raw_rows(path))


def demo_files(shop: Path) -> list[dict[str, Any]]:
    """The intent files of the demo shop, in name order; values are still placeholders."""
    return [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted((shop / "intents").glob("*.json"))
    ]


def sentiment_rows(
    data: Path, written: Path, labels: Path, shop: Path, filler: Filler, seed: int
) -> list[Row]:
    """GoEmotions, UCI, our own messages, our labels of real customers' messages, and the demo corpus.

    Held out: an eighth of our own and of the labelled ones, a fifth of UCI, a twelfth of GoEmotions.
    """
    rng = random.Random(seed)
    rows: list[Row] = []
    for raw in read_lines(data / "sentiment" / "en_goemotions.jsonl.gz"):
        label = raw["label"]
        if label == "ambiguous" and _QUESTIONING & set(raw["emotions"]):
            label = "neutral"
        if label in MOODS:
            rows.append(Row(raw["text"], label, "goemotions", 0.7, held_out(raw["text"], 0.08)))
    for raw in read_lines(data / "sentiment" / "en_uci_reviews.jsonl"):
        rows.append(Row(raw["text"], raw["label"], "uci", 1.0, held_out(raw["text"], 0.2)))
    for raw in read_lines(written):
        rows.append(Row(raw["text"], raw["label"], "written", 3.0, held_out(raw["text"], 0.125)))
    for text, label in labelled_messages(data, labels):
        rows.append(Row(text, label, "customers", 2.0, held_out(text, 0.125)))
    rows += _requests(data, rng)
    rows += _demo_moods(shop, filler, rng)
    return rows


def labelled_messages(data: Path, labels: Path) -> Iterator[tuple[str, str]]:
    """(text, label) of public sets' messages that we labelled; `labels` names texts by their SHA-256."""
    wanted: dict[str, dict[str, str]] = {}
    for raw in read_lines(labels):
        wanted.setdefault(raw["set"], {})[raw["sha256"]] = raw["label"]
    for name, of_set in wanted.items():
        for raw in read_lines(data / name):
            turns = raw.get("turns") or [{"role": "customer", "text": raw.get("text", "")}]
            for text in (turn["text"].strip() for turn in turns if turn["role"] == "customer"):
                label = of_set.pop(hashlib.sha256(text.encode()).hexdigest()[:16], None)
                if label is not None:
                    yield text, label


def _requests(data: Path, rng: random.Random) -> Iterator[Row]:
    """Plain requests to other desks are neutral; thanks are positive."""
    bitext = [
        raw["text"]
        for raw in read_lines(data / "intent" / "en_bitext_intents.jsonl")
        if raw["intent"] not in ("complaint", "payment_issue", "registration_problems")
    ]
    for text in rng.sample(bitext, 500):
        yield Row(text, "neutral", "bitext", 0.7)
    clinc = [raw["text"] for raw in read_lines(data / "intent" / "en_clinc150_oos.jsonl")]
    for text in rng.sample(clinc, 500):
        yield Row(text, "neutral", "clinc", 0.7)
    moods = {"thankyou": "positive", "openinggreeting": "neutral"}
    desk = [
        raw for raw in read_lines(data / "intent" / "en_multidogo_intents.jsonl") if raw["intent"] in moods
    ]
    for raw in rng.sample(desk, 300):
        yield Row(raw["text"], moods[raw["intent"]], "multidogo", 0.5)


def _likely_mood(intent: str) -> tuple[str, float]:
    """The mood that most first messages of an intent have, and how much to trust it; ("", 0) for none."""
    if intent in PROBLEMS:
        return "negative", 0.6
    certain = {"complaint": "negative", "praise": "positive"}
    mood = certain.get(intent, "neutral" if intent in INFORMATION else "")
    return mood, 1.0 if mood else 0.0


def _demo_moods(shop: Path, filler: Filler, rng: random.Random) -> Iterator[Row]:
    for raw in demo_files(shop):
        intent = raw["intent"]
        sure, weight = _likely_mood(intent)
        if sure:
            for text in raw["phrasings"]:
                yield Row(filler.fill(text).text, sure, "demo", weight, held_out(text, 0.1))
        for talk in raw["conversations"]:
            apart = bool(talk.get("held_out"))
            if talk["mood"] == "angry":
                yield Row(filler.fill(talk["turns"][0]).text, "negative", "demo", 2.0, apart)
            last = talk["turns"][-2]
            if len(talk["turns"]) > 2 and _CLOSING.match(last) and talk["mood"] not in ("angry", "sarcastic"):
                yield Row(filler.fill(last).text, "positive", "demo", 1.0, apart)


def intent_rows(data: Path, shop: Path, filler: Filler, seed: int) -> list[Row]:
    """The demo shop's first messages, and rows of public sets that mean the same.

    Held out: three phrasings of each intent ("phrasing") and the first message of each held-out
    conversation ("conversation"). Raises ValueError where the shop has no intent files.
    """
    rng = random.Random(seed)
    files = demo_files(shop)
    if not files:
        raise ValueError(f"no intent files below {shop / 'intents'}")
    known = {raw["intent"] for raw in files}
    rows: list[Row] = []
    for raw in files:
        rows += [
            Row(filler.fill(text).text, raw["intent"], "reply", 0.3)
            for text in (raw["about"], *raw["replies"])
        ]
        phrasings = [str(text) for text in raw["phrasings"]]
        rng.shuffle(phrasings)
        for at, text in enumerate(phrasings):
            rows += _variants(text, raw["intent"], "phrasing", filler, rng, held_out=at < 3)
        for talk in raw["conversations"]:
            apart = bool(talk.get("held_out"))
            rows += _variants(talk["turns"][0], raw["intent"], "conversation", filler, rng, held_out=apart)
            last = talk["turns"][-2]
            if len(talk["turns"]) > 2 and _CLOSING.match(last) and len(last) < 90 and not apart:
                rows.append(Row(filler.fill(last).text, "thanks_goodbye", "closing", 0.3))
    for intent, dialogues in read_everyday(shop).items():
        for dialogue in dialogues:
            text = filler.fill(slots.to_braces(dialogue.turns[0][1])).text
            rows.append(Row(text if rng.random() < 0.7 else text.lower(), intent, "everyday", 1.0))
    rows += _public_intents(data, rng)
    return [row for row in rows if row.label in known or row.label == OUT_OF_SCOPE]


def _variants(
    template: str, intent: str, source: str, filler: Filler, rng: random.Random, *, held_out: bool
) -> Iterator[Row]:
    """The message as written; for training also with other values and typed more carelessly."""
    yield Row(filler.fill(template).text, intent, source, 1.0, held_out)
    if held_out:
        return
    yield Row(filler.fill(template).text.lower(), intent, source, 0.5)
    loose = re.sub(r"[.,!?;:'’]", "", filler.fill(template).text.lower())
    yield Row(typo(rng.choice(("hi ", "hello, ", "", "", "hey ")) + loose, rng), intent, source, 0.5)


def typo(text: str, rng: random.Random) -> str:
    """One or two letters swapped, doubled or lost in a longer text."""
    for _ in range(min(2, len(text) // 40)):
        at = rng.randrange(1, len(text) - 1)
        if text[at : at + 2].isalpha():
            change = rng.choice((text[at + 1] + text[at], text[at], text[at] * 2 + text[at + 1]))
            text = text[:at] + change + text[at + 2 :]
    return text


def _public_intents(data: Path, rng: random.Random) -> Iterator[Row]:
    bitext = [
        (raw["text"], BITEXT[raw["intent"]])
        for raw in read_lines(data / "intent" / "en_bitext_intents.jsonl")
        if raw["intent"] in BITEXT
    ]
    yield from _capped(bitext, "bitext", 40, 0.4, rng)
    banking = [
        (raw["text"], BANKING[raw["intent"]])
        for raw in read_lines(data / "intent" / "en_banking77.jsonl")
        if raw["intent"] in BANKING
    ]
    yield from _capped(banking, "banking77", 25, 0.4, rng)
    clinc = list(read_lines(data / "intent" / "en_clinc150_oos.jsonl"))
    same = [
        (raw["text"], CLINC[raw["intent"]])
        for raw in clinc
        if raw["intent"] in CLINC and raw["intent"] != "oos"
    ]
    yield from _capped(same, "clinc", 40, 0.5, rng)
    strange = [raw["text"] for raw in clinc if raw["intent"] == "oos"]
    elsewhere = [
        raw["text"] for raw in clinc if raw["intent"] != "oos" and not _NEAR_US.search(raw["intent"])
    ]
    for text in rng.sample(strange, min(600, len(strange))) + rng.sample(elsewhere, 600):
        yield Row(text, OUT_OF_SCOPE, "clinc", 0.25, held_out(text, 0.15))


def _capped(
    pairs: Iterable[tuple[str, str]], source: str, most: int, weight: float, rng: random.Random
) -> Iterator[Row]:
    """At most `most` rows of a label; a tenth held out."""
    by_label: dict[str, list[str]] = {}
    for text, label in pairs:
        by_label.setdefault(label, []).append(text)
    for label, texts in by_label.items():
        for text in rng.sample(texts, min(most, len(texts))):
            yield Row(text, label, source, weight, held_out(text, 0.1))
