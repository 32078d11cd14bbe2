"""Turns and evidence to candidate replies: the GPT-2 behind its prompt.

Puts prompts together, keeps the model from slots that can't be filled, and turns ids back into
templates. Knows the engine and the prompt layout; knows no retrieval and no ranking.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nlp import slots
from nlp.engine import Engine, Generation, GenerationRequest
from nlp.errors import ModelError
from nlp.prompts import Prompt, PromptCodec
from nlp.recitation import Owned

SPARE_TOKENS = 1024
"""Rows that a model may have beyond its tokeniser: some are padded to a round number."""
MAX_NEW_TOKENS = 40
CANDIDATES = 2
AT_ONCE = 8
"""Prompts that are answered together where many are."""


@dataclass(frozen=True, slots=True)
class Generated:
    """One drafted template and the model's mean log-probability a token, in nats."""

    template: str
    logprob: float


class Generator:
    """A loaded reply model. One thread calls it."""

    def __init__(self, engine: Engine, codec: PromptCodec, owned: Owned | None = None) -> None:
        self._engine = engine
        self._codec = codec
        self._owned = owned or Owned()

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> Generator:
        """Read a reply folder in Hugging Face layout; raises ModelError."""
        codec = PromptCodec.load(folder)
        engine = Engine.load(folder, end=codec.end, device=device)
        if not 0 <= engine.vocabulary_size - codec.vocabulary_size <= SPARE_TOKENS:
            raise ModelError(
                f"{folder.name}: its tokeniser has {codec.vocabulary_size} tokens and its model "
                f"{engine.vocabulary_size}; publish the version again"
            )
        return cls(engine, codec, Owned.load(folder))

    def unguarded(self) -> Generator:
        """The same model, which says whatever it has learned: to be tested, never served."""
        return Generator(self._engine, self._codec)

    def draft(self, prompts: Sequence[Prompt], known: Sequence[frozenset[str]]) -> list[list[Generated]]:
        """Candidates for each prompt: the greedy one first, duplicates and unfinished ones left out.

        Left out too is what one training conversation alone holds, unless the prompt does (nlp.recitation).

        `known[i]` names the slots that can be filled in conversation i; other value and fact slots
        are never produced. The same prompt always gives the same candidates.
        """
        drafted = self._engine.generate([self._request(p, k) for p, k in zip(prompts, known, strict=True)])
        return [
            [one for one in self._distinct(found) if not self._owned.recited(one.template, prompt.texts)]
            for prompt, found in zip(prompts, drafted, strict=True)
        ]

    def freely(self, prompts: Sequence[Prompt]) -> Iterator[tuple[Prompt, str]]:
        """What it writes with every slot known: each candidate template, with its prompt."""
        every = frozenset(slots.ALL_SLOTS)
        for start in range(0, len(prompts), AT_ONCE):
            some = prompts[start : start + AT_ONCE]
            for prompt, drafts in zip(some, self.draft(some, [every] * len(some)), strict=True):
                yield from ((prompt, draft.template) for draft in drafts)

    def logprobs(self, prompts: Sequence[Prompt], templates: Sequence[Sequence[str]]) -> list[list[float]]:
        """How probable templates are behind each conversation: mean log-probability a token, in nats.

        Nothing that was retrieved is shown to the model: with neighbours in the prompt it would find
        probable whatever they say.
        """
        bare = [self._codec.prompt(replace(prompt, near=(), article="")) for prompt in prompts]
        given = [[self._codec.reply(text, MAX_NEW_TOKENS) for text in group] for group in templates]
        return self._engine.score(bare, given)

    def _request(self, prompt: Prompt, known: frozenset[str]) -> GenerationRequest:
        ids = tuple(self._codec.prompt(prompt))
        banned = [
            n
            for slot, n in self._codec.slot_ids.items()
            if slot not in known and slot not in slots.LOOKUP_SLOTS
        ]
        banned += self._codec.never_said
        return GenerationRequest(
            ids,
            candidates=CANDIDATES,
            max_new_tokens=min(MAX_NEW_TOKENS, self._codec.reply_room),
            banned=tuple(banned),
            seed=zlib.crc32(repr(ids).encode()),
        )

    def _distinct(self, found: Sequence[Generation]) -> list[Generated]:
        out: dict[str, Generated] = {}
        for one in found:
            template = self._codec.decode(one.ids)
            if one.finished and template:
                out.setdefault(template, Generated(template, one.logprob))
        return list(out.values())
