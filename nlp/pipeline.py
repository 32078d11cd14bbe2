"""One loaded set of everything that reads and drafts, with its version: the Brain that is served.

For one message: delexicalise the turns, look up the nearest past replies and help passages, draft
with both in the prompt, score all candidates together, keep the best few that differ, and fill
their slots. Knows the parts of this package; knows no database and no customer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from nlp import slots
from nlp.context import newest, query_vectors
from nlp.device import frugal, give_back
from nlp.expectation import Expectation
from nlp.generator import Generator
from nlp.language import warm_up
from nlp.manner import Manner
from nlp.matcher import Matcher
from nlp.memory import IndexBuilder, Knowledge, delexicaliser, load_index
from nlp.passwords import masked
from nlp.pool import USUAL, Explained, Pool
from nlp.prompts import Prompt
from nlp.quiet import quiet
from nlp.ranking import TEMPERATURE, Candidate, Ranker, asked_slots
from nlp.reading import Reader
from nlp.recall import Recall
from nlp.recognisers import Catalogue
from nlp.registry import Version
from nlp.retrieval import Index, Vectors
from nlp.types import Analysis, Draft, Evidence, ReplyRequest, Role

REPLIES_SHOWN_TO_MODEL = 3
REPLIES_FOUND, REPLIES_AS_CANDIDATES = 150, 12
"""Replies retrieved at first, and how many of them the ranker sees."""
ALIKE = 0.95
"""Two replies that are nearer than this are one candidate too many."""
ARTICLE_COSINE = 0.55
"""A help passage this near to the question is a candidate by itself."""
MAX_TURNS = 6
_ADDRESS = r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
_FIGURES = re.compile(rf"\d+(?:[.,:/]\d+)*|{_ADDRESS}|\b(?:https?://|www\.)[^\s<>]+")
_LONG_NUMBERS = re.compile(r"\d(?:[ ()./-]?\d){3,}")
_CODES = re.compile(rf"{_ADDRESS}|\b(?=[a-z]*\d)(?=\d*[a-z])\w{{6,}}", re.IGNORECASE)
_VOCATIVE = re.compile(r"(?:,\s*|\s+)<\|slot:customer_name\|>(?=\s*(?:[,.!;:?]|$))")


@dataclass(frozen=True, slots=True)
class _Case:
    """One request on its way through; `found` is what may be sent as it is, each with its text here."""

    request: ReplyRequest
    turns: list[tuple[Role, str]]
    known: frozenset[str]
    place: Vectors
    """The conversation in the matcher's space."""
    article: Evidence | None
    found: list[tuple[Evidence, str]]
    expectation: Expectation

    @property
    def shown(self) -> list[Evidence]:
        """The replies that the model adapts."""
        replies = [one for one, _ in self.found if one.kind == "reply"]
        return replies[:REPLIES_SHOWN_TO_MODEL]

    def allows(self, drafted: str) -> bool:
        """May a drafted template be a candidate? It asks for nothing known, and makes no figures up."""
        grounds = [*(text for _, text in self.turns), *(one.text for one in self.shown)]
        if self.article:
            grounds.append(self.article.text)
        return not asked_slots(drafted) & self.known and not unfounded(drafted, " ".join(grounds))

    @property
    def prompt(self) -> Prompt:
        """What the reply model sees."""
        asked_for = self.request.asked_for
        return Prompt(
            turns=self.turns,
            near=[one.text for one in self.shown],
            article=self.article.text if self.article else "",
            # The reply model has learned conversations by what they are about as a whole.
            intent=asked_for[0] if asked_for else "",
            mood=self.request.analysis.sentiment.label,
        )


class Pipeline:
    """The Brain. Blocks; one thread calls it."""

    def __init__(
        self,
        version: str,
        reader: Reader,
        generator: Generator,
        matcher: Matcher,
        ranker: Ranker,
        recall: Recall,
        products: Sequence[str],
        manner: Manner = USUAL,
    ) -> None:
        self._version = version
        self._reader, self._encoder = reader, reader.encoder
        self._generator, self._matcher = generator, matcher
        self._ranker, self._recall = ranker, recall
        self._catalogue, self._manner = Catalogue(products), manner

    @classmethod
    def load(
        cls,
        version: Version,
        knowledge: Knowledge | None,
        *,
        cache: Path | None = None,
        device: str = "cpu",
        manner: Manner = USUAL,
        shop: Path | None = None,
        at_first: int | None = None,
        index: Index | None = None,
    ) -> Pipeline:
        """Load a verified version and index a shop's knowledge; raises NlpError subclasses.

        `cache` is a folder that keeps the index between starts. Without knowledge the version leans on
        what it remembers of the conversations that it was trained on. `manner` is how replies are said;
        `shop` is the folder of a matcher and a ranker made for this very shop, in place of the version's.
        Where `at_first` is given, the knowledge may be larger: so much of it is read here, the rest by
        `read_on`. An `index` that was made before stands for the items of the knowledge, and nothing is
        written into the cache then.
        """
        frugal()
        warm_up()
        quiet()
        products = knowledge.products if knowledge else ()
        reader = Reader.load(version.heads, products, device=device)
        choosing = shop or version.reply
        matcher, ranker = Matcher.load(choosing, device), Ranker.load(choosing)
        if index is not None:
            recall = Recall(index, matcher, cache, write=False)
        elif knowledge is None:
            recall = Recall(load_index(version.memory), matcher, version.memory)
        else:
            recall = Recall.of(IndexBuilder(knowledge, reader, cache=cache), matcher, cache, at_first)
        generator = Generator.load(version.reply, device)
        made = cls(version.name, reader, generator, matcher, ranker, recall, products, manner)
        give_back()
        return made

    @property
    def version(self) -> str:
        """Name of the model version."""
        return self._version

    def understand(self, texts: Sequence[str]) -> list[Analysis]:
        """Read messages: one encoder pass for the batch."""
        return self._reader.read(texts)

    @property
    def unread(self) -> int:
        """Replies and articles of the shop that are still to be read."""
        return self._recall.unread

    def read_on(self) -> None:
        """Read a few more of them, which takes less than a second, and suggest with them soon."""
        self._recall.read_on()

    @property
    def reader(self) -> Reader:
        """What reads the messages."""
        return self._reader

    @property
    def ranker(self) -> Ranker:
        """What orders the candidates."""
        return self._ranker

    @property
    def matcher(self) -> Matcher:
        """What finds the replies."""
        return self._matcher

    def suggest(self, requests: Sequence[ReplyRequest]) -> list[list[Draft]]:
        """Draft for each request, best first; empty where nothing reaches the floor."""
        return [list(one.drafts) for one in self.explained(requests)]

    def explained(self, requests: Sequence[ReplyRequest]) -> list[Explained]:
        """The drafts, with what they were chosen from."""
        pools = self._pools(self._cases(requests))
        return [Explained(tuple(pool.ranked(self._ranker, self._manner)), pool) for pool in pools]

    def weighed(self, requests: Sequence[ReplyRequest], given: Sequence[Sequence[str]]) -> list[Pool]:
        """What was found for each request with the given templates beside it, and nothing drafted: how drafts
        of any version look to this one.
        """
        cases = self._cases(requests)
        found = [[text for _, text in case.found] for case in cases]
        return self._weigh(cases, [[*a, *b] for a, b in zip(found, given, strict=True)])

    def retrieved(self, requests: Sequence[ReplyRequest]) -> list[list[str]]:
        """Only what was found, best match first, as templates: quick, since nothing is drafted."""
        return [[text for _, text in case.found] for case in self._cases(requests)]

    def plain(self, requests: Sequence[ReplyRequest], count: int) -> list[list[str]]:
        """What the untouched encoder alone would find, as templates, nearest first: a baseline."""
        queries = query_vectors([self._turns(r) for r in requests], self._encoder.embed)
        index = self._recall.index
        nothing = np.zeros(len(index.replies), dtype=np.float32)
        found = [index.nearest_replies(query, nothing, count) for query in queries]
        return [[one.text for one in near.replies] for near in found]

    def _cases(self, requests: Sequence[ReplyRequest]) -> list[_Case]:
        """Each request with what was retrieved for it."""
        spoken = [self._turns(r) for r in requests]
        queries = query_vectors(spoken, self._encoder.embed)
        places = self._matcher.conversations(spoken)
        cases = []
        for request, turns, query, place in zip(requests, spoken, queries, places, strict=True):
            known = frozenset(k for k, v in {**request.values, **request.facts}.items() if v)
            article = next(iter(self._recall.index.nearest_passages(newest(query), 1)), None)
            near = self._recall.index.nearest_replies(
                query,
                self._recall.match(place, request.analysis.sentiment.negative, request.asked_for),
                REPLIES_FOUND,
            )
            expectation = Expectation.of(near.vectors, near.order, TEMPERATURE)
            found = self._candidates(_own(near.replies, request), expectation, known)
            if article is not None and article.score >= ARTICLE_COSINE:
                found += _own([article], request)
            usable = [(one, _unaddressed(one.text, known)) for one in found]
            cases.append(_Case(request, turns, known, place, article, usable, expectation))
        return cases

    def _candidates(
        self, found: Sequence[Evidence], expectation: Expectation, known: frozenset[str]
    ) -> list[Evidence]:
        """The replies that the ranker sees: half by their order, half by how much they cover.

        What asks for what is known is none, and what can't be filled only where nothing else is there.
        """
        found = [one for one in found if not asked_slots(one.text) & known]
        ready = [one for one in found if not _open(one.text, known)]
        half = REPLIES_AS_CANDIDATES // 2
        wide: list[int] = []
        if len(ready) > REPLIES_AS_CANDIDATES:
            sentences = self._sentences([one.text for one in ready])
            vectors = np.stack([sentences[one.text] for one in ready])
            wide = expectation.cover(vectors, np.ones(len(ready), np.float32), half, alike=ALIKE)
        wanted = list(dict.fromkeys([*range(half), *wide, *range(len(ready))]))[:REPLIES_AS_CANDIDATES]
        kept = [ready[at] for at in sorted(wanted) if at < len(ready)]
        return kept or sorted(found, key=lambda one: _open(one.text, known))[:REPLIES_AS_CANDIDATES]

    def _turns(self, request: ReplyRequest) -> list[tuple[Role, str]]:
        """The last turns as templates; the newest is read with its full analysis."""
        agent = delexicaliser(self._catalogue, request.facts, request.values)
        customer = delexicaliser(self._catalogue, {}, request.values)
        *earlier, newest = request.turns[-MAX_TURNS:]
        out: list[tuple[Role, str]] = [
            (t.role, (agent if t.role == "agent" else customer)(t.text)) for t in earlier
        ]
        return [*out, ("customer", masked(slots.delexicalise(newest.text, request.analysis.entities)))]

    def _pools(self, cases: Sequence[_Case]) -> list[Pool]:
        """All candidates of each case: found ones, and drafted ones that say something else."""
        found = [[text for _, text in case.found] for case in cases]
        drafted = self._generator.draft([c.prompt for c in cases], [c.known for c in cases])
        texts = [
            [*known, *(d.template for d in drafts if case.allows(d.template))]
            for case, known, drafts in zip(cases, found, drafted, strict=True)
        ]
        return self._weigh(cases, texts)

    def _weigh(self, cases: Sequence[_Case], given: Sequence[Sequence[str]]) -> list[Pool]:
        """Each case with these templates as its candidates."""
        texts = [list(dict.fromkeys(group)) for group in given]
        logprobs = self._generator.logprobs([c.prompt for c in cases], texts)
        flat = list(dict.fromkeys(text for group in texts for text in group))
        sentences, answers = self._sentences(flat), self._places(flat)
        return [
            self._pool(case, dict(zip(group, probable, strict=True)), sentences, answers)
            for case, group, probable in zip(cases, texts, logprobs, strict=True)
        ]

    def _pool(
        self,
        case: _Case,
        logprobs: Mapping[str, float],
        sentences: Mapping[str, Vectors],
        answers: Mapping[str, Vectors],
    ) -> Pool:
        """The pool of one case, by the texts of its candidates in `logprobs`."""
        context = [text for _, text in case.turns]
        asked_for = frozenset(case.request.asked_for)
        found = {text: one for one, text in reversed(case.found)}
        candidates = []
        for text, logprob in logprobs.items():
            one = found.get(text)
            candidates.append(
                Candidate(
                    text,
                    one.kind if one else "generated",
                    sentences[text],
                    logprob,
                    match=float(answers[text] @ case.place),
                    novelty=self._recall.index.novelty(text, context),
                    retrieval=one.score if one else 0.0,
                    same_intent=one is not None and bool(self._recall.index.intents_of(one.id) & asked_for),
                    evidence=(one,) if one else tuple(case.shown),
                )
            )
        said = tuple(text for role, text in case.turns if role == "agent")
        return Pool(case.request, tuple(candidates), case.expectation, case.known, said, case.place)

    def _sentences(self, templates: Sequence[str]) -> dict[str, Vectors]:
        """Sentence vectors by template; what the index has is not read again."""
        known = {t: v for t in templates if (v := self._recall.index.vector_of(t)) is not None}
        fresh = [t for t in dict.fromkeys(templates) if t not in known]
        if fresh:
            known |= zip(fresh, self._encoder.embed([slots.spoken(t) for t in fresh]), strict=True)
        return known

    def _places(self, templates: Sequence[str]) -> dict[str, Vectors]:
        """Replies in the matcher's space by template; what is remembered is not read again."""
        known = self._recall.places(templates)
        fresh = [t for t in templates if t not in known]
        return known | dict(zip(fresh, self._matcher.replies(fresh), strict=True))


def _unaddressed(template: str, known: frozenset[str]) -> str:
    """A template without its "..., NAME" where we do not know the name."""
    return template if "customer_name" in known else _VOCATIVE.sub("", template)


def _own(found: Sequence[Evidence], request: ReplyRequest) -> list[Evidence]:
    """What was found, without what holds another customer's values."""
    said = " ".join([*(t.text for t in request.turns), *request.facts.values()])
    return [one for one in found if not foreign_values(one.text, said)]


def _open(template: str, known: frozenset[str]) -> int:
    """How many slots can't be filled, but for those that an agent looks up."""
    return len(set(slots.slots_in(template)) - known.union(slots.LOOKUP_SLOTS))


def unfounded(template: str, grounds: str) -> list[str]:
    """Numbers, addresses and links of a drafted template that stand nowhere in what it was drafted from."""
    stated = set(_FIGURES.findall(grounds.lower()))
    return [one for one in _FIGURES.findall(_raw(template).lower()) if one not in stated]


def foreign_values(template: str, said: str) -> list[str]:
    """Long numbers, codes of letters and digits, and e-mail addresses that nobody here has said.

    The last door: whatever delexicalising missed in another customer's conversation stops here.
    """
    numbers, others = _values_in(template)
    if not numbers and not others:
        return []
    digits, lowered = _digits(said), said.lower()
    foreign = [one for one in numbers if _digits(one) not in digits]
    return foreign + [one for one in others if one.lower() not in lowered]


@lru_cache(maxsize=50_000)
def _values_in(template: str) -> tuple[list[str], list[str]]:
    """Long numbers, and codes and addresses, that stand in a template outside of its slots."""
    raw = _raw(template)
    return _LONG_NUMBERS.findall(raw), _CODES.findall(raw)


def _raw(template: str) -> str:
    return " ".join(text for text, slot in slots.pieces(template) if slot is None)


def _digits(text: str) -> str:
    return re.sub(r"[^0-9]", "", text)
