"""One loaded set of everything that reads and drafts, with its version: the Brain that is served.

For one message: delexicalise the turns, look up the nearest past replies and help passages, draft
with both in the prompt, score all candidates together, keep the best few that differ, and fill
their slots. Knows the parts of this package; knows no database and no customer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from transformers.utils.logging import disable_progress_bar

from nlp import slots
from nlp.context import newest, query_vectors
from nlp.device import frugal, give_back
from nlp.generator import Generated, Generator
from nlp.language import warm_up
from nlp.memory import SURE_OF_INTENT, Knowledge, build_index, delexicaliser
from nlp.prompts import Prompt
from nlp.ranking import Candidate, Ranker, choose
from nlp.reading import Reader
from nlp.recognisers import Catalogue
from nlp.registry import Version
from nlp.retrieval import NEVER, Index, Vectors
from nlp.types import Analysis, Draft, Evidence, ReplyRequest, Role

FLOOR = 0.02
"""A candidate with a lower score is not shown at all."""
REPLIES_SHOWN_TO_MODEL = 3
REPLIES_AS_CANDIDATES = 8
ARTICLE_COSINE = 0.55
"""A help passage this near to the question is a candidate by itself."""
MAX_TURNS = 6
MOOD_WEIGHT = 0.5
"""Sentence vectors hardly see a "not": "it has arrived" and "it has not" differ most in their mood."""
OPPOSITE_MOOD = 0.6
"""A reply to a message whose P(negative) differs by more than this is no candidate at all."""

_VOCATIVE = re.compile(r"(?:,\s*|\s+)<\|slot:customer_name\|>(?=\s*(?:[,.!;:?]|$))")


@dataclass(frozen=True, slots=True)
class _Case:
    """One request on its way through."""

    request: ReplyRequest
    turns: list[tuple[Role, str]]
    known: frozenset[str]
    query: Vectors
    replies: list[Evidence]
    articles: list[Evidence]

    def found(self) -> list[tuple[Evidence, str]]:
        """What was found and may be sent as it is, with its text for this customer."""
        near = [article for article in self.articles if article.score >= ARTICLE_COSINE]
        said = " ".join([*(t.text for t in self.request.turns), *self.request.facts.values()])
        return [
            (one, _unaddressed(one.text, self.known))
            for one in (*self.replies, *near)
            if not foreign_values(one.text, said)
        ]

    @property
    def prompt(self) -> Prompt:
        """What the reply model sees."""
        intent = self.request.analysis.intent
        return Prompt(
            turns=self.turns,
            near=[r.text for r in self.replies[:REPLIES_SHOWN_TO_MODEL]],
            article=self.articles[0].text if self.articles else "",
            intent=intent.name if intent.score >= SURE_OF_INTENT else "",
            mood=self.request.analysis.sentiment.label,
        )


class Pipeline:
    """The Brain. Blocks; one thread calls it."""

    def __init__(
        self,
        version: str,
        reader: Reader,
        generator: Generator,
        ranker: Ranker,
        index: Index,
        products: Sequence[str],
    ) -> None:
        self._version = version
        self._reader, self._encoder = reader, reader.encoder
        self._generator, self._ranker, self._index = generator, ranker, index
        self._catalogue = Catalogue(products)
        self._answers = index.project(ranker.answers)
        self._negative = index.negative

    @classmethod
    def load(
        cls, version: Version, knowledge: Knowledge, *, cache: Path | None = None, device: str = "cpu"
    ) -> Pipeline:
        """Load a verified version and index a shop's knowledge; raises NlpError subclasses.

        `cache` is a folder that keeps the index between starts.
        """
        frugal()
        warm_up()
        disable_progress_bar()  # type: ignore[no-untyped-call]
        reader = Reader.load(version.heads, knowledge.products, device=device)
        index = build_index(knowledge, reader, cache=cache)
        generator = Generator.load(version.reply, device)
        made = cls(version.name, reader, generator, Ranker.load(version.reply), index, knowledge.products)
        give_back()
        return made

    @property
    def version(self) -> str:
        """Name of the model version."""
        return self._version

    def understand(self, texts: Sequence[str]) -> list[Analysis]:
        """Read messages: one encoder pass for the batch."""
        return self._reader.read(texts)

    def suggest(self, requests: Sequence[ReplyRequest]) -> list[list[Draft]]:
        """Draft for each request, best first; empty where nothing reaches the floor."""
        cases = self._cases(requests)
        return [self._best(case, pool) for case, pool in zip(cases, self._pools(cases), strict=True)]

    def candidates(self, requests: Sequence[ReplyRequest]) -> list[tuple[Vectors, list[Candidate]]]:
        """Query vectors and unranked candidates: what the ranker is trained and evaluated on."""
        cases = self._cases(requests)
        return [(case.query, pool) for case, pool in zip(cases, self._pools(cases), strict=True)]

    def _cases(self, requests: Sequence[ReplyRequest]) -> list[_Case]:
        spoken = [self._turns(r) for r in requests]
        queries = query_vectors(spoken, self._encoder.embed)
        return [
            _Case(
                request,
                turns,
                frozenset(k for k, v in {**request.values, **request.facts}.items() if v),
                query,
                self._index.nearest_replies(
                    query, self._match(query, request.analysis.sentiment.negative), REPLIES_AS_CANDIDATES
                ),
                self._index.nearest_passages(newest(query), 1),
            )
            for request, turns, query in zip(requests, spoken, queries, strict=True)
        ]

    def _match(self, query: Vectors, negative: float) -> Vectors:
        """How well each remembered reply answers a query in this mood."""
        match: Vectors = self._answers @ self._ranker.question(query)
        gap = np.abs(self._negative - np.float32(negative))
        match -= MOOD_WEIGHT * gap
        match[gap > OPPOSITE_MOOD] = NEVER
        return match

    def _turns(self, request: ReplyRequest) -> list[tuple[Role, str]]:
        """The last turns as templates; the newest is read with its full analysis."""
        agent = delexicaliser(self._catalogue, request.facts, request.values)
        customer = delexicaliser(self._catalogue, {}, request.values)
        *earlier, newest = request.turns[-MAX_TURNS:]
        out: list[tuple[Role, str]] = [
            (t.role, (agent if t.role == "agent" else customer)(t.text)) for t in earlier
        ]
        return [*out, ("customer", slots.delexicalise(newest.text, request.analysis.entities))]

    def _pools(self, cases: Sequence[_Case]) -> list[list[Candidate]]:
        """All candidates of each case: drafted ones, and found ones that the model has scored, too."""
        found = [case.found() for case in cases]
        texts = [[text for _, text in group] for group in found]
        drafted, chances = self._generator.draft([c.prompt for c in cases], [c.known for c in cases], texts)
        flat = [d.template for group in drafted for d in group] + [t for group in texts for t in group]
        vectors = self._sentences(flat)
        return [self._pool(*one, vectors) for one in zip(cases, drafted, found, chances, strict=True)]

    def _pool(
        self,
        case: _Case,
        drafts: Sequence[Generated],
        found: Sequence[tuple[Evidence, str]],
        chances: Sequence[float],
        vectors: Mapping[str, Vectors],
    ) -> list[Candidate]:
        """The candidates of one case, none twice."""
        context = [text for _, text in case.turns]
        shown = tuple(case.replies[:REPLIES_SHOWN_TO_MODEL])
        intent = case.request.analysis.intent.name
        pool = [
            Candidate(
                draft.template,
                "generated",
                vectors[draft.template],
                draft.logprob,
                novelty=self._index.novelty(draft.template, context),
                evidence=shown,
            )
            for draft in drafts
        ]
        for (one, text), chance in zip(found, chances, strict=True):
            pool.append(
                Candidate(
                    text,
                    one.kind,
                    vectors[text],
                    chance,
                    retrieval=one.score,
                    same_intent=self._index.intent_of(one.id) == intent,
                    novelty=self._index.novelty(text, context),
                    evidence=(one,),
                )
            )
        return list({c.template: c for c in reversed(pool)}.values())[::-1]

    def _sentences(self, templates: Sequence[str]) -> dict[str, Vectors]:
        """Sentence vectors by template; what the index has is not read again."""
        known = {t: v for t in templates if (v := self._index.vector_of(t)) is not None}
        fresh = [t for t in dict.fromkeys(templates) if t not in known]
        if fresh:
            known |= zip(fresh, self._encoder.embed([slots.spoken(t) for t in fresh]), strict=True)
        return known

    def _best(self, case: _Case, pool: Sequence[Candidate]) -> list[Draft]:
        said = [text for role, text in case.turns if role == "agent"]
        features = self._ranker.features(case.query, pool, case.known, said)
        scores = self._ranker.scores(features)
        drafts = []
        for index in choose(pool, scores, case.request.count):
            one, score = pool[index], float(scores[index])
            if score < FLOOR:
                continue
            filled = slots.relexicalise(one.template, case.request.values, case.request.facts)
            drafts.append(
                Draft(
                    filled.text,
                    one.template,
                    score,
                    one.source,
                    one.evidence,
                    filled.unfilled,
                    asdict(features[index]),
                )
            )
        return drafts


def _unaddressed(template: str, known: frozenset[str]) -> str:
    """A template without its "..., NAME" where we do not know the name."""
    return template if "customer_name" in known else _VOCATIVE.sub("", template)


def foreign_values(template: str, said: str) -> list[str]:
    """Numbers of four digits or more and e-mail addresses in a template that nobody here has said.

    The last door: whatever delexicalising missed in another customer's conversation stops here.
    """
    known = re.sub(r"[^0-9]", "", said)
    lowered = said.lower()
    raw = " ".join(text for text, slot in slots.pieces(template) if slot is None)
    numbers = [n for n in re.findall(r"\d(?:[ ()./-]?\d){3,}", raw) if re.sub(r"[^0-9]", "", n) not in known]
    return numbers + [m for m in re.findall(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", raw) if m.lower() not in lowered]
