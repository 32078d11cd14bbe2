"""Which language a message is in. Chat is short: where the words do not tell, it says "und".

A statistical identifier is right on sentences and wild on "hi" or on a name, so it is only believed
where there are enough words and its first choice is well ahead of English. Knows no conversation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from nlp.types import Entity

SERVED = frozenset({"en"})
"""Languages that replies are drafted in."""
UNKNOWN = "und"

KNOWN = (
    *("en", "de", "fr", "es", "it", "pt", "nl", "pl", "sv", "da", "no", "fi", "cs", "ro", "hu", "tr"),
    *("ru", "uk", "el", "ar", "he", "hi", "zh", "ja", "ko"),
)
"""Languages that can be told apart."""
_AHEAD = 4.0
"""How many times as probable as English another language must be."""
_ENGLISH_ENOUGH = 0.5
"""Share of common English words from which the identifier is not believed when it says otherwise."""
_ENGLISH_SOME = 0.25
"""Share from which an undecided text counts as English."""
_FEWEST_LETTERS = 9
_FEWEST_WORDS = 2
_LONGEST = 600
"""Characters looked at; more do not change the answer."""
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_WORDS = """
a about account again all also am an and any are arrive arrived as at back bad be been bot broken but by
bye can cancel card change cheers code colour could customer day days delivery did do does doesn don't
done email excellent exchange fine for from get good goodbye got great had has have he hello help her
here hey hi his how human i i'd i'll i'm i've if in is isn't it it's item its just know label late later
leave like long lost lovely make many may me missing money more morning much my name need never nice no
nope not nothing now number of ok okay on one open or order ordered other our out parcel pay payment
perfect please pls policy price problem really refund repair return right sale sent she shipped shipping
shop should size sizes so some soon sorry sort still stock stop store sure talk than thank thanks that
that's the their them then there they thing this those time to today tomorrow too track tracking twice
up us very voucher wait waiting want warranty was way we week went were what what's when where where's
which who why will with won't working would wrong yeah yep yes yesterday you your
"""
_ENGLISH = frozenset(_WORDS.split())


@cache
def _identifier() -> LanguageIdentifier:
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(KNOWN)
    return identifier


def warm_up() -> None:
    """Load the identifier's tables now (about a second, once), instead of on the first message."""
    _identifier()


def identify(text: str, entities: Sequence[Entity] = ()) -> tuple[str, float]:
    """ISO 639-1 code and its probability, or ("und", 0.0) where the text does not tell.

    Entities are left out first: a Polish name in an English sentence says nothing about the sentence.
    """
    words = _WORD.findall(_without(text[:_LONGEST], entities))
    letters = sum(map(len, words))
    if not letters:
        return UNKNOWN, 0.0
    latin = all(ord(sign) < 0x250 for word in words for sign in word)
    known = sum(word.lower().replace("’", "'") in _ENGLISH for word in words) / len(words)
    if latin and (len(words) < _FEWEST_WORDS or letters < _FEWEST_LETTERS):
        return ("en", known) if known >= 0.5 else (UNKNOWN, 0.0)
    return _weigh(" ".join(words), known)


def _without(text: str, entities: Sequence[Entity]) -> str:
    for entity in sorted(entities, key=lambda item: item.start, reverse=True):
        text = text[: entity.start] + " " + text[entity.end :]
    return text


def _weigh(text: str, known: float) -> tuple[str, float]:
    ranked = [(str(name), float(score)) for name, score in _identifier().rank(text)]
    first, score = ranked[0]
    english = dict(ranked)["en"]
    if first == "en":
        return "en", max(score, known)
    if score < _AHEAD * english or known >= _ENGLISH_ENOUGH:
        return ("en", max(english, known)) if known >= _ENGLISH_SOME else (UNKNOWN, 0.0)
    return first, score
