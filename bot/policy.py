"""May we answer alone, suggest, or hand off: the deciding, and only the deciding.

Pure: values in, a decision out, no I/O, no clock. It knows the customers' words for wanting a
person, what is too delicate for a machine, and what a draft must have to go out alone; how high it must
score is handed in (bot/risk.py finds it). It knows no database, no model and no channel.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from bot.hours import Away, Hours
from bot.messages import Answer, Decision, HandOff, PolicyMode, Silent, Suggest
from nlp.types import Analysis, Draft

MODES: tuple[PolicyMode, ...] = ("off", "draft", "automatic")
Anger = Literal["never", "very", "upset"]
"""Who is handed to a person for being angry: nobody, the very angry, or whoever is very negative."""

VERY_NEGATIVE = 0.9
"""From this probability of "negative" a message counts as angry, if something else says so too."""
PATIENCE = 3
"""Asked, and asked again this often with no person writing in between: our answers do not help."""

SENSITIVE_INTENTS = frozenset({"suspicious_message", "privacy_request", "account_delete"})
"""Fraud, personal data and the end of an account: a person answers for these."""
FEW_LETTERS = 12
"""A text with fewer letters may be in no certain language and still be answered alone: "ok, M"."""
SMALL_TALK = frozenset({"greeting", "thanks_goodbye", "praise", "are_you_a_bot"})
"""Saying these again and again is no repeated question."""

COLLEAGUE = "A colleague will take over from here and write to you as soon as possible."
"""What the customer reads at a hand-off, in automatic mode."""
OFFER = '\n\nThis is an automatic reply. If you would rather talk to one of us, just write "person".'
"""What every automatic reply ends with."""

_BEYOND_LATIN = 0x250
"""The first code point after the Latin letters."""
_WHO = (
    r"(?:human|person|people|someone|somebody|agents?|advis[eo]r|representative|rep|operator|"
    r"manager|supervisor|colleague|staff|team lead(?:er)?)"
)
_WANTS_PERSON = re.compile(
    rf"\b(?:speak|talk|chat)\s+(?:to|with)\b[^.?!\n]{{0,30}}?\b{_WHO}\b"
    rf"|\b(?:connect|transfer|put|pass|get|give)\s+me\b[^.?!\n]{{0,30}}?\b{_WHO}\b"
    rf"|\b(?:real|live|actual)\s+{_WHO}\b|\bhuman\s+being\b"
    rf"|\b(?:want|need|prefer)\s+an?\s+{_WHO}\b"
    r"|\b(?:stop|no more|not (?:to )?(?:a|this)|hate (?:this|these|talking to))\s+(?:ro)?bots?\b"
    rf"|\A\W*(?:an?\s+)?{_WHO}(?:\s+(?:please|pls|now))*\W*\Z",
    re.IGNORECASE,
)
_DECLINES_PERSON = re.compile(
    r"\b(?:(?:do\s+not|don'?t)\s+(?:need|want)|no\s+need|rather\s+not)\b[^.?!\n]{0,30}?"
    r"\b(?:speak|talk|chat|human|person|someone|agent)\b",
    re.IGNORECASE,
)
_ANGER = re.compile(
    r"\b(?:furious|fuming|livid|outrag\w+|disgust\w+|disgrace\w*|ridiculous|unacceptable|appalling|"
    r"shambles|pathetic|useless|incompeten\w+|rip[- ]?off|scam\w*|liars?|lying|thieves|fed up|"
    r"sick (?:of|and tired)|had enough|never again|worst|a joke|wtf|bullshit|fuck\w*|bloody|shitty?|"
    r"angry|complain\w*)\b",
    re.IGNORECASE,
)
_SAFETY = re.compile(
    r"\b(?:injur\w+|hospital|ambulance|bleeding|caught fire|on fire|exploded|electric shock|electrocuted|"
    r"carbon monoxide|poison\w*|allergic reaction|choking|burn(?:t|ed) (?:my|me|his|her|our)|"
    r"suicid\w+|kill myself|hurt myself)\b",
    re.IGNORECASE,
)
_LEGAL = re.compile(
    r"\b(?:lawyers?|solicitors?|attorneys?|barrister|legal action|sue you|suing|(?:to|will|gonna|i'?ll) sue|"
    r"to court|small claims|trading standards|ombudsman|police|fraud\w*|identity theft|chargeback|"
    r"press charges)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """An earlier message of the customer, as far as policy cares: its intent and P(negative)."""

    intent: str
    negative: float


@dataclass(frozen=True, slots=True)
class Context:
    """What surrounds the message that is being decided about."""

    text: str
    """The customer's message."""
    owned_by_person: bool = False
    """A person has taken the conversation over: the bot stays silent in it."""
    unsettled: tuple[Asked, ...] = ()
    """The customer's earlier messages since a person last wrote, oldest first, without this one."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules in force. Defaults are the careful ones: drafts for people, nothing by itself."""

    mode: PolicyMode = "draft"
    served: frozenset[str] = frozenset({"en"})
    automatic_floor: float | None = None
    """Score from which a draft may go out alone. It is fitted on reviewed drafts for the error
    rate that the shop tolerates; while nothing was measured it is None and nothing goes out."""
    floors: Mapping[str, float] = field(default_factory=dict)
    """The same by model version: a score of one says nothing of another's."""
    sensitive: frozenset[str] = SENSITIVE_INTENTS
    """Intents that a person answers, at once."""
    anger: Anger = "very"
    hours: Hours | None = None
    """When somebody is there; None: always."""
    review_share: float = 0.1
    """Share of the replies that went out alone that a person is asked about, 0..1."""

    def of_version(self, version: str) -> Policy:
        """The rules for the drafts of one model version."""
        return replace(self, automatic_floor=self.floors.get(version))

    def triage(self, analysis: Analysis, context: Context) -> HandOff | None:
        """Must a person take this at once? None: no, or a person has it already."""
        if context.owned_by_person:
            return None
        if wants_person(analysis, context.text):
            return HandOff("asked_for_person")
        if is_sensitive(analysis, context.text, self.sensitive):
            return HandOff("sensitive_intent")
        if not self.serves(analysis):
            return HandOff("unknown_language")
        if self.anger != "never" and is_very_angry(analysis, context, alone=self.anger == "upset"):
            return HandOff("very_angry")
        if keeps_asking(analysis, context):
            return HandOff("repeated_failure")
        return None

    def away(self, now: datetime) -> Away | None:
        """What a customer who is answered by nobody now should know; None while somebody is there."""
        return None if self.hours is None else self.hours.away(now)

    def at_hand_off(self, now: datetime, key: str) -> Away | None:
        """What the customer is told when a person takes over: when that will be, or in automatic mode that
        one will. None: nothing, since nobody but people has spoken to them."""
        told = Away(COLLEAGUE, f"{key}:line") if self.mode == "automatic" else None
        return self.away(now) or told

    def wants_drafts(self, analysis: Analysis) -> bool:
        """Whether drafting is worth the time: it is on, and the models know the language.

        A hand-off does not end drafting: whoever takes over is glad of a draft. Only drafts in a
        language that the models were not made for would be noise.
        """
        return self.mode != "off" and self.serves(analysis)

    def serves(self, analysis: Analysis) -> bool:
        """Whether we have models for the language; too short to tell ("ok", a number) is fine."""
        return analysis.language in self.served or analysis.language == "und"

    def decide(self, analysis: Analysis, drafts: Sequence[Draft], context: Context) -> Decision:
        """What to do with the drafts, best first, of a message that triage left to us."""
        if self.mode == "off":
            return Silent("drafting is switched off")
        if not self.serves(analysis):
            return Silent(f"no models for the language {analysis.language!r}")
        if not drafts:
            return Silent("no draft was good enough")
        if context.owned_by_person:
            return Suggest("a person has this conversation")
        if self.mode == "draft":
            return Suggest("an agent decides about every draft")
        hindrance = self.hindrance(analysis, drafts[0], context)
        if hindrance is not None:
            return Suggest(hindrance)
        if self.automatic_floor is None:
            return Suggest("no error rate is known for this model version, so nothing is sent alone")
        if not self.lets_out(drafts[0].score):
            return Suggest(f"the best draft scores {drafts[0].score:.2f}, below {self.automatic_floor:.2f}")
        return Answer(0)

    def hindrance(self, analysis: Analysis, best: Draft, context: Context) -> str | None:
        """Why this draft can't go out alone whatever its score and the mode; None: nothing hinders it.

        Drafts that nothing hinders are the ones whose reviews tell how high a score must be.
        """
        if analysis.language not in self.served and not is_too_short_to_tell(analysis, context.text):
            return "the language is not certain"
        if analysis.intent.unsure():
            return "what the customer wants is not certain"
        if best.unfilled:
            return f"the best draft lacks: {', '.join(best.unfilled)}"
        return None

    def could_go_alone(self, analysis: Analysis, drafts: Sequence[Draft], context: Context) -> bool:
        """Whether nothing but its score and the mode keeps the first draft from going out alone.

        Who owns the conversation is not asked: a draft for a colleague teaches as much.
        """
        unowned = replace(context, owned_by_person=False)
        return (
            bool(drafts)
            and self.triage(analysis, unowned) is None
            and self.hindrance(analysis, drafts[0], context) is None
        )

    def lets_out(self, score: float) -> bool:
        """Whether drafts with this score go out alone by the mode and the floor."""
        return self.mode == "automatic" and self.automatic_floor is not None and score >= self.automatic_floor


def revise(
    decision: Decision, *, overtaken: bool, answered: bool, owned_by_person: bool, automatic: bool
) -> Decision:
    """The decision in the light of what happened while we were drafting; a hand-off stands.

    `overtaken`: the customer wrote again. `answered`: a person wrote. Old drafts help nobody then.
    `automatic`: the mode and the floor allow to answer alone, still.
    """
    if isinstance(decision, HandOff):
        return decision
    if overtaken:
        return Silent("the customer wrote again meanwhile")
    if answered:
        return Silent("a person answered meanwhile")
    if isinstance(decision, Answer) and owned_by_person:
        return Suggest("a person took the conversation over meanwhile")
    if isinstance(decision, Answer) and not automatic:
        return Suggest("automatic replies were switched off meanwhile")
    return decision


def wants_person(analysis: Analysis, text: str) -> bool:
    """The customer asks for a person, by intent or in so many words."""
    if _DECLINES_PERSON.search(text):
        return False
    return _is_about(analysis, frozenset({"talk_to_person"})) or bool(_WANTS_PERSON.search(text))


def is_sensitive(analysis: Analysis, text: str, intents: frozenset[str] = SENSITIVE_INTENTS) -> bool:
    """Fraud, personal data, safety or the law: a wrong word would cost too much. The words for the last two
    count whatever the intents are."""
    return _is_about(analysis, intents) or bool(_SAFETY.search(text) or _LEGAL.search(text))


def is_very_angry(analysis: Analysis, context: Context, *, alone: bool = False) -> bool:
    """Very negative, and either in angry words or a complaint, or for the second time in a row.

    `alone`: very negative is enough.
    """
    if analysis.sentiment.negative < VERY_NEGATIVE:
        return False
    if alone:
        return True
    again = bool(context.unsettled) and context.unsettled[-1].negative >= VERY_NEGATIVE
    complains = analysis.intent.name.startswith("complain") and not analysis.intent.unsure()
    return again or complains or bool(_ANGER.search(context.text))


def keeps_asking(analysis: Analysis, context: Context) -> bool:
    """The same intent for the fourth message running (PATIENCE + 1), and no person wrote in between.

    Automatic answers may have been given: they did not help, or the customer would not ask again.
    """
    if analysis.intent.name in SMALL_TALK or len(context.unsettled) < PATIENCE:
        return False
    return all(asked.intent == analysis.intent.name for asked in context.unsettled[-PATIENCE:])


def is_too_short_to_tell(analysis: Analysis, text: str) -> bool:
    """So few letters outside of recognised values, all Latin, that "und" hides no foreign language."""
    values = {at for entity in analysis.entities for at in range(entity.start, entity.end)}
    letters = [sign for at, sign in enumerate(text) if sign.isalpha() and at not in values]
    return len(letters) < FEW_LETTERS and all(ord(sign) < _BEYOND_LATIN for sign in letters)


def signed(text: str) -> str:
    """The form in which a reply goes out by itself: it says so and offers a person."""
    return text + OFFER


def unsigned(text: str) -> str:
    """An automatic reply without its offer, as the language models should see it."""
    return text.removesuffix(OFFER)


def _is_about(analysis: Analysis, intents: frozenset[str]) -> bool:
    return analysis.intent.name in intents and not analysis.intent.unsure()
