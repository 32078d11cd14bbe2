"""One reading of a message: language, sentiment, entities, intent and embedding, at one time.

Puts the encoder, the heads, the recognisers and the language check together. Knows no conversation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from nlp.batches import BUCKET, Tokens
from nlp.encoder import Encoder
from nlp.entities import EntityHead
from nlp.heads import Heads
from nlp.language import identify
from nlp.recognisers import Catalogue, merge, recognise
from nlp.types import Analysis, Entity, Intent, Sentiment

T = TypeVar("T")


class Reader:
    """Everything that reads a message, loaded. Immutable; call it from one thread at a time."""

    def __init__(self, encoder: Encoder, heads: Heads, catalogue: Sequence[str] = ()) -> None:
        self.encoder = encoder
        self.heads = heads
        self._catalogue = Catalogue(catalogue)

    @classmethod
    def load(cls, heads_dir: Path | str, catalogue: Sequence[str] = (), *, device: str = "cpu") -> Reader:
        """Load the encoder and a folder of heads; `catalogue` holds the shop's product names.

        Raises EncoderError or HeadsError.
        """
        return cls(Encoder.load(device), Heads.load(heads_dir, device), catalogue)

    def read(self, texts: Sequence[str]) -> list[Analysis]:
        """Read texts of any length; what lies beyond 256 tokens is seen by the recognisers only."""
        return self._in_buckets(texts, self._read_bucket)

    def entities(self, texts: Sequence[str]) -> list[tuple[Entity, ...]]:
        """Only the entities, of agents' texts as well as of customers'; for preparing data."""
        return self._in_buckets(texts, lambda tokens: self._find(tokens, self.heads.entities))

    def intents(self, texts: Sequence[str]) -> list[Intent]:
        """Only the intent."""
        return self._in_buckets(texts, self.heads.intents.predict)

    def sentiments(self, texts: Sequence[str]) -> list[Sentiment]:
        """Only the sentiment."""
        return self._in_buckets(texts, self.heads.sentiment.predict)

    def _in_buckets(self, texts: Sequence[str], read: Callable[[Tokens], Sequence[T]]) -> list[T]:
        """What `read` says of each text, texts of like length read together."""
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
        done: dict[int, T] = {}
        for start in range(0, len(order), BUCKET):
            rows = order[start : start + BUCKET]
            done.update(zip(rows, read(self.encoder.tokens([texts[row] for row in rows])), strict=True))
        return [done[at] for at in range(len(texts))]

    def _read_bucket(self, tokens: Tokens) -> list[Analysis]:
        embeddings = self.encoder.embed(tokens.texts)
        sentiments = self.heads.sentiment.predict(tokens)
        intents = self.heads.intents.predict(tokens)
        entities = self._find(tokens, self.heads.entities)
        analyses: list[Analysis] = []
        for row, text in enumerate(tokens.texts):
            language, score = identify(text, entities[row])
            analyses.append(
                Analysis(
                    language=language,
                    language_score=score,
                    sentiment=sentiments[row],
                    entities=entities[row],
                    intent=intents[row],
                    embedding=embeddings[row].copy(),
                )
            )
        return analyses

    def _find(self, tokens: Tokens, tagger: EntityHead) -> list[tuple[Entity, ...]]:
        tagged = tagger.predict(tokens)
        return [
            merge(text, recognise(text, self._catalogue), guesses)
            for text, guesses in zip(tokens.texts, tagged, strict=True)
        ]
