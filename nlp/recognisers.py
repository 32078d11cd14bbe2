"""Values that have a form: numbers of orders, parcels and invoices, e-mails, cards, amounts ...

Each rule is a pattern, and where a value can be checked (cards, IBANs, phones) it is checked.
Earlier rules win over later ones, so the more certain stand first. Knows no model and no shop but
the catalogue of product names that the caller passes in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from stdnum import iban as iban_numbers
from stdnum import luhn

from nlp.moments import DATES, TIMES, date_value, time_value
from nlp.phones import find_phones
from nlp.places import COUNTRIES, POSTCODES
from nlp.types import Entity

FOUND = 1.0
"""Score of a value whose form or check leaves no doubt."""
LIKELY = 0.9
"""Score of a value that is told by the words around it."""

Span = tuple[int, int, str, float]
"""(start, end, normalised value, score)"""
Rule = Callable[[str], Iterator[Span]]

_NUMBER_WORD = r"(?:\s{0,3}(?:numbers?|nos?\.?|num\.?|nr\.?|id|ref(?:erence)?|code|#|№)){0,3}"
_JOIN = r"\s{0,3}(?:(?:is|was|of|it'?s|called)\b)?\s{0,3}[:=#№-]?\s{0,3}#?\s{0,3}"
"""White space is bounded: open-ended, it would make these patterns slow on pages of blanks."""
_CODE = r"(?=(?:[A-Z-]{0,9}\d){3})[A-Z0-9]{1,24}(?:-[A-Z0-9]{1,24}){0,4}"
"""Letters and digits with at least three digits among them."""


def _named(words: str, code: str = _CODE, ending: str = r"(?![\w-]|[.,]\d)") -> re.Pattern[str]:
    """A value told by the word before it: "order number is X", "account no: X"."""
    return re.compile(rf"\b(?:{words})\b{_NUMBER_WORD}{_JOIN}\b({code}){ending}", re.IGNORECASE)


def _compact(value: str) -> str:
    return re.sub(r"[\s-]+", "", value).upper()


def _spaced(value: str) -> str:
    return " ".join(value.split())


def _matches(
    pattern: re.Pattern[str], value: Callable[[str], str], score: float = FOUND, *, least: int = 0
) -> Rule:
    """A rule of one pattern; group 1 is the span where there is one. `least` is the fewest digits."""
    group = 1 if pattern.groups else 0

    def find(text: str) -> Iterator[Span]:
        for match in pattern.finditer(text):
            if sum(sign.isdigit() for sign in match[group]) >= least:
                yield match.start(group), match.end(group), value(match[group]), score

    return find


_URL = re.compile(r"\b(?:https?://|www\.)[^\s<>\"']*[^\s<>\"'.,;:!?)\]}]", re.IGNORECASE)
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+%-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w@])")
_IBAN = re.compile(r"\b[A-Za-z]{2}\d{2}(?: ?[A-Za-z0-9]{4}){2,7}(?: ?[A-Za-z0-9]{1,3})?\b")
_CARD = re.compile(r"(?<![\w-])\d(?:[ -]?\d){12,18}(?![\w-])")
_CARD_WORDS = re.compile(r"\b(?:card|visa|mastercard|amex)\b[^.!?\n]{0,25}$", re.IGNORECASE)
_INVOICE = re.compile(r"\bINV(?:OICE)?[-_/ ]?(?=[\d-]*\d)\d[\d/-]{2,}\d\b", re.IGNORECASE)
_S10 = re.compile(r"\b[A-Z]{2,4} ?\d{9,12} ?[A-Z]{2}\b", re.IGNORECASE)
_UPS = re.compile(r"\b1Z(?: ?[0-9A-Z]){16}\b", re.IGNORECASE)
_LONG_CODE = re.compile(r"\b(?:J[DJ]|[A-Z]{4})\d{12,20}\b", re.IGNORECASE)
_LONG_DIGITS = re.compile(r"(?<![\w.,+-])\d{12,22}(?![\w-]|[.,]\d)")
_ORDER_FORM = re.compile(
    r"(?<![\w-])#?([A-Z]{2,3}(?:-\d{5,10}|\d{6,8}| \d{6}))(?![\w-]|[.,]\d)", re.IGNORECASE
)
_HASH_NUMBER = re.compile(r"(?<![\w&])#\s?(\d{4,12})(?![\w-]|[.,]\d)")
_BARE_NUMBER = re.compile(
    r"\A\W*(?:(?:it'?s|it is|its|that'?s|yes|yep|yeah|sure|ok|okay|here|the number is|number|no\.?|is)"
    r"[\s,:.!-]*){0,3}#?(\d{5,11})(?:[\s,.!]*(?:thanks|thank you|please|pls|ta|cheers))?\W*\Z",
    re.IGNORECASE,
)
_ACCOUNT_FORM = re.compile(r"\b(?:ACC(?:OUNT|T)?|CUST|CUS)[-_]?\d{4,12}\b", re.IGNORECASE)
_MONEY = re.compile(
    r"(?<![\w.])(?:(?:[£€$₹¥]|(?:GBP|EUR|USD|INR|Rs\.?)\s)\s?\d{1,3}(?:[, ]\d{3})*(?:\.\d{1,2})?(?!\d)"
    r"|(?:[£€$₹¥]|(?:GBP|EUR|USD|INR|Rs\.?)\s)\s?\d+(?:[.,]\d{1,2})?(?!\d)"
    r"|\d+(?:[.,]\d{3})*(?:[.,]\d{1,2})?\s?(?:[£€₹]|(?:pounds?|quid|euros?|dollars?|bucks|pence|rupees"
    r"|gbp|eur|usd|inr)\b))",
    re.IGNORECASE,
)
_COUPON = re.compile(
    r"\b(?i:codes?|coupons?|vouchers?|promo(?:tion)?s?|discounts?)\b(?i:\s+(?:codes?|is|was|called|named))*\s*"
    r"[:=\"'‘“]?\s*((?=[A-Z0-9-]*[A-Z]{2})[A-Z][A-Z0-9-]{3,19})(?![\w-])"
)
_COUPON_FORM = re.compile(r"(?<![\w-])(?!INV|ACC)[A-Z]{4,12}-?\d{1,3}(?![\w-])")
_NOT_COUPONS = frozenset(
    {"DOES", "DOESN", "DON", "DIDN", "NOT", "WORK", "WORKS", "THAT", "THIS", "PLEASE", "ISN"}
)


def _cards(text: str) -> Iterator[Span]:
    """Digits that pass the Luhn check, or that are called a card number in the same sentence."""
    for match in _CARD.finditer(text):
        digits = _compact(match[0])
        if digits[0] in "23456" and luhn.is_valid(digits):
            yield match.start(), match.end(), digits, FOUND
        elif _CARD_WORDS.search(text, max(0, match.start() - 40), match.start()):
            yield match.start(), match.end(), digits, LIKELY


def _ibans(text: str) -> Iterator[Span]:
    """The pattern may run on into the next word, so shorter ends are tried as well."""
    for match in _IBAN.finditer(text):
        end = match.end()
        while end - match.start() >= 15:
            if iban_numbers.is_valid(text[match.start() : end]):
                yield match.start(), end, _compact(text[match.start() : end]), FOUND
                break
            cut = text.rfind(" ", match.start(), end)
            end = cut if cut > 0 else match.start()


def _coupons(text: str) -> Iterator[Span]:
    for match in _COUPON.finditer(text):
        if match[1] not in _NOT_COUPONS:
            yield match.start(1), match.end(1), match[1], LIKELY


def _coupon_form(text: str) -> Iterator[Span]:
    """WELCOME10 stands for itself, but only where codes are the subject: SIZE10 may be anything."""
    if re.search(r"\b(?:code|coupon|voucher|promo|discount)", text, re.IGNORECASE):
        yield from ((m.start(), m.end(), m[0], LIKELY) for m in _COUPON_FORM.finditer(text))


def _order_value(value: str) -> str:
    """TT 104823, tt104823 and TT-104823 are one order."""
    parts = re.fullmatch(r"([A-Za-z]{2,3})[ -]?(\d+)", value)
    return f"{parts[1].upper()}-{parts[2]}" if parts else value.upper()


_ORDER_CODE = r"(?:[A-Z]{2,3} )?" + _CODE
RULES: tuple[tuple[str, Rule], ...] = (
    ("email", _matches(_EMAIL, str.lower)),
    ("url", _matches(_URL, str)),
    ("iban", _ibans),
    ("invoice_number", _matches(_INVOICE, lambda v: re.sub(r"[_/ ]", "-", v.upper()))),
    ("tracking_number", _matches(_S10, _compact)),
    ("tracking_number", _matches(_UPS, _compact)),
    ("tracking_number", _matches(_LONG_CODE, _compact)),
    ("tracking_number", _matches(_named("tracking|consignment|parcel|shipment|waybill"), _compact, least=8)),
    ("invoice_number", _matches(_named("invoice|bill|receipt"), str.upper, LIKELY, least=4)),
    ("order_id", _matches(_named("orders?|purchase|ord", _ORDER_CODE), _order_value, least=4)),
    ("order_id", _matches(_ORDER_FORM, _order_value, LIKELY)),
    (
        "account_id",
        _matches(_named("account|acct|customer|client|membership|member"), str.upper, LIKELY, least=4),
    ),
    ("account_id", _matches(_ACCOUNT_FORM, str.upper)),
    ("card", _cards),
    ("amount", _matches(_MONEY, _spaced)),
    ("date", _matches(DATES, date_value, LIKELY)),
    ("time", _matches(TIMES, time_value, LIKELY)),
    ("phone", find_phones),
    ("order_id", _matches(_HASH_NUMBER, str, LIKELY)),
    ("order_id", _matches(_BARE_NUMBER, str, LIKELY)),
    ("tracking_number", _matches(_LONG_DIGITS, str, LIKELY)),
    ("coupon_code", _coupons),
    ("coupon_code", _coupon_form),
    ("address", _matches(POSTCODES, lambda v: _spaced(v).upper(), LIKELY)),
    ("country", _matches(COUNTRIES, _spaced, LIKELY)),
)


class Catalogue:
    """The shop's product names, found as phrases whatever their case. The longest name wins."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        known = {_spaced(name).casefold(): _spaced(name) for name in names if name.strip()}
        self._known = known
        longest_first = sorted(known.values(), key=len, reverse=True)
        pattern = "|".join(r"\s+".join(map(re.escape, name.split())) for name in longest_first)
        self._pattern = re.compile(rf"(?<!\w)(?:{pattern})(?!\w)", re.IGNORECASE) if known else None

    def find(self, text: str) -> Iterator[Entity]:
        """Every product named in the text; the value is the name as the catalogue spells it."""
        if self._pattern is None:
            return
        for match in self._pattern.finditer(text.replace("’", "'")):
            value = self._known.get(_spaced(match[0]).casefold(), _spaced(match[0]))
            start, end = match.span()
            yield Entity("product", text[start:end], start, end, value, FOUND, "catalogue")


_EMPTY = Catalogue()


def recognise(text: str, catalogue: Catalogue = _EMPTY) -> list[Entity]:
    """All values of a known form and products of the catalogue, in order, without overlaps."""
    taken: list[Entity] = []
    _claim(taken, catalogue.find(text))
    for kind, rule in RULES:
        _claim(
            taken,
            (
                Entity(kind, text[start:end], start, end, value, score, "recogniser")
                for start, end, value, score in rule(text)
            ),
        )
    return sorted(taken, key=lambda entity: entity.start)


def _claim(taken: list[Entity], found: Iterable[Entity]) -> None:
    for entity in found:
        if not any(entity.start < other.end and other.start < entity.end for other in taken):
            taken.append(entity)


def merge(text: str, certain: Sequence[Entity], guessed: Sequence[Entity]) -> tuple[Entity, ...]:
    """What the rules found, and of the tagger's guesses what does not contradict it.

    Where both found the same type, the two are one span: a postcode and the street before it, or
    "next Friday" and "Friday evening".
    """
    kept = list(certain)
    for guess in guessed:
        touching = [other for other in kept if _touches(text, guess, other)]
        if not touching:
            kept.append(guess)
        elif all(other.type == guess.type and other.source == "recogniser" for other in touching):
            kept = [other for other in kept if other not in touching]
            kept.append(_union(text, guess, touching))
    return tuple(sorted(kept, key=lambda entity: entity.start))


def _touches(text: str, guess: Entity, other: Entity) -> bool:
    if guess.start < other.end and other.start < guess.end:
        return True
    if guess.type != "address" or other.type != "address":
        return False
    between = text[min(guess.end, other.end) : max(guess.start, other.start)]
    return len(between) <= 3 and not between.strip(" ,\n")


def _union(text: str, guess: Entity, others: Sequence[Entity]) -> Entity:
    start = min(guess.start, *(other.start for other in others))
    end = max(guess.end, *(other.end for other in others))
    whole = text[start:end]
    longest = max(others, key=lambda other: other.end - other.start)
    if (longest.start, longest.end) == (start, end):
        return longest
    return replace(longest, text=whole, start=start, end=end, value=_spaced(whole))
