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

from nlp.emails import find_emails
from nlp.moments import DATES, TIMES, date_value, is_courtesy, time_value
from nlp.phones import find_phones
from nlp.places import COUNTRIES, POSTCODES
from nlp.types import Entity

FOUND = 1.0
"""Score of a value whose form or check leaves no doubt."""
LIKELY = 0.9
"""Score of a value that is told by the words around it."""
WEAK = 0.7
"""Score of a value that looks like one of its kind and may be another: the tagger may know better."""

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
_IBAN = re.compile(r"\b[A-Za-z]{2}\d{2}(?: ?[A-Za-z0-9]{4}){2,7}(?: ?[A-Za-z0-9]{1,3})?\b")
_CARD = re.compile(r"(?<![\w-])\d(?:[ -]?\d){11,18}(?![\w-])")
_CARD_GROUPS = re.compile(r"\d{4}([ -])\d{4}\1\d{4}\1\d{4}|3[47]\d\d([ -])\d{6}\2\d{5}")
_CARD_WORDS = re.compile(r"\b(?:card|visa|mastercard|amex)\b[^.!?\n]{0,25}$", re.IGNORECASE)
_CARD_END = re.compile(
    r"\b(?:card|visa|mastercard|amex)\b(?:\s+(?:number|no\.?|that|which))?\s+"
    r"(?:ending|ends|end)(?:\s+(?:in|with|on|is|number|digits)){0,2}\s*:?\s*(\d{4})(?![\w-]|[.,]\d)"
    r"|\blast\s+(?:4|four)(?:\s+(?:digits?|numbers?))?\s+(?:of|on|for)\s+(?:(?:my|the|that|a|this|our)\s+)?"
    r"(?:(?:credit|debit|bank|visa|new|old)\s+){0,2}(?:card|visa|mastercard|amex)(?:\s+(?:number|no\.?))?"
    r"(?:\s+(?:is|are|was))?\s*:?\s*(\d{4})(?![\w-]|[.,]\d)",
    re.IGNORECASE,
)
_INVOICE = re.compile(r"\bINV(?:OICE)?[-_/ ]?(?=[\d-]*\d)\d[\d/-]{2,}\d\b", re.IGNORECASE)
_S10 = re.compile(r"\b(?:(?i:[A-Z]{2,4}\d{9,12}[A-Z]{2})|[A-Z]{2} ?\d{9} ?[A-Z]{2})\b")
_UPS = re.compile(r"\b1Z(?: ?[0-9A-Z]){16}\b", re.IGNORECASE)
_LONG_CODE = re.compile(r"\b(?:J[DJ]|[A-Z]{4})\d{12,20}\b", re.IGNORECASE)
_LONG_DIGITS = re.compile(r"(?<![\w.,+-])\d{12,22}(?![\w-]|[.,]\d)")
_WORDS = frozenset(
    """
    a i ad ah am an and any are as at be but by can did do eh etc fax for get go got had has he her hey
    hi him his how id if in is it its job let lot me mr ms mrs my nah new no nor not now of off oh ok
    old on one or our out own pay per pin put ref sir six so ssn tax tel ten the to too two up us use
    via was way we who why yes you zip
    """.split()
)
"""Short words that stand before a number and belong to none."""
_ORDER_FORM = re.compile(
    r"(?<![\w-])#?([A-Z]{2,3}(?:-\d{5,10}|\d{6,8}| \d{6}))(?![\w-]|[.,]\d)", re.IGNORECASE
)
_HASH_NUMBER = re.compile(r"(?<![\w&])#\s?(\d{4,12})(?![\w-]|[.,]\d)")
_BARE_NUMBER = re.compile(
    r"\A\W*(?:(?:it'?s|it is|its|that'?s|yes|yep|yeah|sure|ok|okay|here|the number is|number|no\.?|is)"
    r"[\s,:.!-]*){0,3}#?(\d{6,11})(?:[\s,.!]*(?:thanks|thank you|please|pls|ta|cheers))?\W*\Z",
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
    """Digits that pass the Luhn check, are grouped as on a card, or are called a card in the same sentence.

    A mistyped card number is as private as a right one. Of a card that is only told by its end, the end.
    """
    for match in _CARD.finditer(text):
        digits = _compact(match[0])
        if len(digits) > 12 and digits[0] in "23456" and luhn.is_valid(digits):
            yield match.start(), match.end(), digits, FOUND
        elif (
            _CARD_WORDS.search(text, max(0, match.start() - 40), match.start())
            or _CARD_GROUPS.fullmatch(match[0])
            or (len(digits) == 16 and digits[0] in "2456")
        ):
            yield match.start(), match.end(), digits, LIKELY
    for match in _CARD_END.finditer(text):
        group = 1 if match[1] else 2
        yield match.start(group), match.end(group), match[group], LIKELY


def _order_form(text: str) -> Iterator[Span]:
    """TT-104823, tt104823 and TT 104823; letters apart from the digits count only where they are no word."""
    for match in _ORDER_FORM.finditer(text):
        letters = re.split(r"[ -]", match[1])[0]
        apart = " " in match[1]
        if not (apart and letters.lower() in _WORDS):
            yield match.start(1), match.end(1), _order_value(match[1]), WEAK if apart else LIKELY


def _dates(text: str) -> Iterator[Span]:
    for match in DATES.finditer(text):
        if not is_courtesy(text, match.start(), match.end()):
            yield match.start(), match.end(), date_value(match[0]), LIKELY


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


def _account_value(value: str) -> str:
    return _compact(value) if " " in value else value.upper()


_ACCOUNT_WORDS = "account|acct|acc|a/c|customer|client|membership|member|subscriber|policy"
_ACCOUNT_CODE = rf"(?:\d{{2,6}}(?: \d{{2,6}}){{1,5}}|{_CODE})"
_ORDER_CODE = r"(?:[A-Z]{2,3} )?" + _CODE
RULES: tuple[tuple[str, Rule], ...] = (
    ("email", find_emails),
    ("url", _matches(_URL, str)),
    ("iban", _ibans),
    ("invoice_number", _matches(_INVOICE, lambda v: re.sub(r"[_/ ]", "-", v.upper()))),
    ("tracking_number", _matches(_S10, _compact)),
    ("tracking_number", _matches(_UPS, _compact)),
    ("tracking_number", _matches(_LONG_CODE, _compact)),
    ("tracking_number", _matches(_named("tracking|consignment|parcel|shipment|waybill"), _compact, least=8)),
    ("invoice_number", _matches(_named("invoice|bill|receipt"), str.upper, LIKELY, least=4)),
    ("order_id", _matches(_named("orders?|purchase|ord", _ORDER_CODE), _order_value, least=4)),
    ("order_id", _matches(_named("booking|reservation|confirmation"), str.upper, LIKELY, least=4)),
    ("order_id", _order_form),
    (
        "account_id",
        _matches(_named(_ACCOUNT_WORDS, _ACCOUNT_CODE), _account_value, LIKELY, least=4),
    ),
    ("account_id", _matches(_ACCOUNT_FORM, str.upper)),
    ("card", _cards),
    ("amount", _matches(_MONEY, _spaced)),
    ("date", _dates),
    ("time", _matches(TIMES, time_value, LIKELY)),
    ("phone", find_phones),
    ("order_id", _matches(_HASH_NUMBER, str, LIKELY)),
    ("order_id", _matches(_BARE_NUMBER, str, WEAK)),
    ("tracking_number", _matches(_LONG_DIGITS, str, WEAK)),
    ("coupon_code", _coupons),
    ("coupon_code", _coupon_form),
    ("address", _matches(POSTCODES, lambda v: _spaced(v).upper(), LIKELY)),
    ("country", _matches(COUNTRIES, _spaced, WEAK)),
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
    """What the rules found and what the tagger guessed; where they contradict each other, the surer one.

    Where both found the same type, the two are one span: a postcode and the street before it, or
    "next Friday" and "Friday evening". A name may hold a country ("jamaica joseph"), and a guess that
    runs on into a number of a known form is cut off there.
    """
    kept = list(certain)
    for guess in map(_without_tail, guessed):
        if guess.type == "date" and is_courtesy(text, guess.start, guess.end):
            continue
        touching = [other for other in certain if other in kept and _touches(text, guess, other)]
        if touching and not all(other.type == guess.type for other in touching):
            beaten = [other for other in touching if _beats(guess, other)]
            kept = [other for other in kept if other not in beaten]
            rest = [other for other in touching if other not in beaten]
            cut = _cut(text, guess, rest)
            if cut:
                kept.append(cut)
        elif any(other.source == "catalogue" or other.score == FOUND for other in touching):
            continue
        else:
            kept = [other for other in kept if other not in touching]
            kept.append(_union(text, guess, touching) if touching else guess)
    return tuple(sorted(kept, key=lambda entity: entity.start))


_TAIL = re.compile(
    r"(?:[\s,]+(?:and|my|is|with|ph|phone|mobile|cell|tel|contact|no|number|e-?mail))+\Z", re.IGNORECASE
)


def _without_tail(guess: Entity) -> Entity:
    """An address without the words that lead over to what follows: "12 Mill Lane ph", "... and mobile no"."""
    tail = _TAIL.search(guess.text) if guess.type == "address" else None
    if tail is None:
        return guess
    text = guess.text[: tail.start()]
    return replace(guess, text=text, end=guess.start + len(text), value=_spaced(text))


_WIDE = frozenset({"address", "person", "company", "product", "city", "place"})
"""Types of several words, of which a part may still be right."""


def _beats(guess: Entity, other: Entity) -> bool:
    """Whether a guess of another type stands rather than what a rule found."""
    if other.source == "catalogue" or other.score > WEAK:
        return False
    if other.type == "country":
        return guess.start <= other.start and other.end <= guess.end and guess.text != other.text
    return guess.score > other.score


def _cut(text: str, guess: Entity, others: Sequence[Entity]) -> Entity | None:
    """The part of a guess of several words that stands before or behind what is surer."""
    if not others:
        return guess
    if guess.type not in _WIDE:
        return None
    first, last = min(other.start for other in others), max(other.end for other in others)
    start, end = (guess.start, first) if guess.start < first else (last, guess.end)
    while start < end and not text[start].isalnum():
        start += 1
    while end > start and not text[end - 1].isalnum():
        end -= 1
    if end - start < 2:
        return None
    part = replace(guess, text=text[start:end], start=start, end=end, value=_spaced(text[start:end]))
    return _without_tail(part)


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
