"""Cleaning: from conversations as they were kept to those to learn from, and why the others are left out.

Broken characters are mended, what mail programs added is cut, copies and foreign conversations are left out,
nobody's conversations outweigh the others', and paraphrases are named, so that a split keeps them together.
The same conversations in the same order always come out the same. Knows conversations; knows no database,
and of the models only the function that turns texts into vectors.
"""

from __future__ import annotations

import random
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ftfy import TextFixerConfig, fix_text

from nlp import slots
from nlp.context import Embed, short
from nlp.language import SERVED, UNKNOWN, identify
from nlp.memory import delexicaliser
from nlp.recognisers import Catalogue
from nlp.types import Turn
from training.boilerplate import automatic, recurring, without_boilerplate
from training.evaluate_replies import answers
from training.files import Conversation
from training.twins import clusters, copies, exchange, runs

EMPTY = "messages without text"
BROKEN = "messages whose characters can't be read"
AUTOMATIC = "automatic replies"
BOILERPLATE = "messages that had a signature, a disclaimer or quoted mail cut off"
UNANSWERED = "conversations without an agent's answer to a customer"
FOREIGN = "conversations in a language that few others are in"
REPEATED = "conversations that were there twice"
COPIED = "conversations nearly the same as another"
TOO_MANY = "conversations beyond the share of one person"

FOREIGN_SHARE = 0.1
"""A language that this share of the conversations is in belongs to the shop."""
SURE = 0.9
"""Probability from which an identified language is believed."""
SHARES: Mapping[str, float] = {"agent": 0.25, "customer": 0.02}
"""The most that one person of a kind gives to learn from, if the others can fill the rest."""
_TEXT = TextFixerConfig(uncurl_quotes=False, fix_latin_ligatures=False, fix_character_width=False)
"""Only what is broken is mended: quotes that curl and the wide signs of Chinese are how people write."""
_UNREADABLE = re.compile(r"[�\x00-\x08\x0e-\x1f]")
_MOST_UNREADABLE = 0.1


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What is learned from, and what happened to the rest.

    `dropped` counts by reason, a sentence for people that says what is counted; `repaired` counts messages
    whose characters were mended. `clusters` names, for every kept conversation, its cluster of paraphrases.
    """

    kept: tuple[Conversation, ...]
    dropped: Mapping[str, int]
    repaired: int
    clusters: Mapping[str, str]

    def aside(self, share: float, seed: int) -> frozenset[str]:
        """Ids of about this share of the conversations, two at least, whole clusters only, drawn by the seed.

        A cluster larger than the room that is left is passed over: it stays with what is learned from.
        """
        members: dict[str, list[str]] = defaultdict(list)
        for name, cluster in self.clusters.items():
            members[cluster].append(name)
        room = max(2, round(share * len(self.clusters)))
        order = sorted(members)
        random.Random(seed).shuffle(order)
        out: set[str] = set()
        for cluster in order:
            if len(out) + len(members[cluster]) <= room:
                out.update(members[cluster])
        return frozenset(out)


@dataclass(slots=True)
class _Tally:
    dropped: Counter[str] = field(default_factory=Counter)
    repaired: int = 0


def clean(
    conversations: Sequence[Conversation],
    embed: Embed,
    *,
    authors: Mapping[str, Collection[str]] | None = None,
    languages: Collection[str] | None = None,
) -> Cleaned:
    """Conversations to learn from, in their order, the first of several copies kept.

    `authors` names who took part, by conversation id, as "agent:7" or "customer:anna"; what is not named is
    not capped. `languages` are codes of ISO 639-1; by default those that replies are drafted in and those
    that FOREIGN_SHARE of the conversations are in. Needs ids that tell conversations apart.
    """
    tally = _Tally()
    mended = [one.only(_mended(one.turns, tally)) for one in conversations]
    shared = recurring(turn.text for one in mended for turn in one.turns if turn.role == "agent")
    cut = [one.only(_cut(one.turns, shared, tally)) for one in mended]
    kept = _once(_answered(cut, tally), tally)
    kept = _served(kept, languages, tally)
    templates = [_template(one.turns) for one in kept]
    copied = copies([runs(turns) for turns in templates])
    tally.dropped[COPIED] += len(copied)
    kept = [one for at, one in enumerate(kept) if at not in copied]
    templates = [turns for at, turns in enumerate(templates) if at not in copied]
    alike = clusters([one.id for one in kept], [_exchange(turns) for turns in templates], embed)
    fair = within_shares([one.id for one in kept], authors or {})
    tally.dropped[TOO_MANY] += len(kept) - len(fair)
    kept = [one for one in kept if one.id in fair]
    dropped = {reason: count for reason, count in tally.dropped.items() if count}
    return Cleaned(tuple(kept), dropped, tally.repaired, {one.id: alike[one.id] for one in kept})


def within_shares(
    names: Sequence[str], authors: Mapping[str, Collection[str]], shares: Mapping[str, float] = SHARES
) -> frozenset[str]:
    """Names of conversations that leave nobody more than their share of all; by a hash, not by age.

    A share is never less than twice an equal one: a shop with two agents keeps all that either of them wrote.
    """
    held: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name in names:
        for author in authors.get(name, ()):
            held[author.partition(":")[0]][author].append(name)
    out = set(names)
    for kind, share in shares.items():
        total = sum(map(len, held[kind].values()))
        most = max(1, round(max(share, 2 / max(1, len(held[kind]))) * total))
        for mine in held[kind].values():
            out.difference_update(sorted(mine, key=_hash)[most:])
    return frozenset(out)


def _hash(name: str) -> tuple[int, str]:
    return zlib.crc32(name.encode("utf-8", "surrogatepass")), name


def _mended(turns: Iterable[Turn], tally: _Tally) -> Iterable[tuple[int, Turn]]:
    """Turns with mojibake undone (ftfy), without those that have no text or none that can be read."""
    for at, turn in enumerate(turns):
        text = fix_text(turn.text, _TEXT)
        tally.repaired += text != turn.text
        if not text.strip():
            tally.dropped[EMPTY] += 1
        elif len(_UNREADABLE.findall(turn.text)) > _MOST_UNREADABLE * len(text):
            tally.dropped[BROKEN] += 1
        else:
            yield at, replace(turn, text=text)


def _cut(turns: Iterable[Turn], shared: Collection[str], tally: _Tally) -> Iterable[tuple[int, Turn]]:
    for at, turn in enumerate(turns):
        if turn.role == "agent" and automatic(turn.text):
            tally.dropped[AUTOMATIC] += 1
            continue
        text = without_boilerplate(turn.text, shared if turn.role == "agent" else ())
        tally.dropped[BOILERPLATE] += text != turn.text
        if text.strip():
            yield at, replace(turn, text=text)


def _answered(conversations: Iterable[Conversation], tally: _Tally) -> Iterable[Conversation]:
    for one in conversations:
        if answers(one):
            yield one
        else:
            tally.dropped[UNANSWERED] += 1


def _once(conversations: Iterable[Conversation], tally: _Tally) -> list[Conversation]:
    """Each conversation once, whatever its id, capitals and blanks."""
    found: dict[tuple[tuple[str, str], ...], Conversation] = {}
    for one in conversations:
        said = tuple((turn.role, " ".join(turn.text.lower().split())) for turn in one.turns)
        tally.dropped[REPEATED] += said in found
        found.setdefault(said, one)
    return list(found.values())


def _served(
    conversations: Sequence[Conversation], languages: Collection[str] | None, tally: _Tally
) -> list[Conversation]:
    """Without those whose agent surely writes another language; what is unsure stays."""
    spoken = [_language(one) for one in conversations]
    if languages is None:
        often = Counter(spoken)
        own = {name for name, times in often.items() if times >= FOREIGN_SHARE * len(spoken)}
        languages = SERVED | own
    kept = [
        one for one, name in zip(conversations, spoken, strict=True) if name == UNKNOWN or name in languages
    ]
    tally.dropped[FOREIGN] += len(conversations) - len(kept)
    return kept


def _language(one: Conversation) -> str:
    name, score = identify(" ".join(turn.text for turn in one.turns if turn.role == "agent"))
    return name if score >= SURE else UNKNOWN


_delexicalise = delexicaliser(Catalogue(), {})


def _template(turns: Sequence[Turn]) -> list[Turn]:
    """Turns with what has a form as plain words: two copies may differ in an order number."""
    return [replace(turn, text=slots.spoken(_delexicalise(turn.text))) for turn in turns]


def _exchange(turns: Sequence[Turn]) -> tuple[str, str]:
    asked, answered = exchange(turns)
    return short(asked), short(answered)
