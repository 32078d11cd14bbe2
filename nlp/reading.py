"""One reading of a message: language, sentiment, entities, intent and embedding, in one pass.

Puts the encoder, the heads, the recognisers and the language check together. Knows no conversation.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nlp.encoder import BUCKET, Encoded, Encoder
from nlp.entities import EntityHead
from nlp.heads import Heads
from nlp.language import identify
from nlp.recognisers import Catalogue, merge, recognise
from nlp.types import Analysis, Entity


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
        heads = Heads.load(heads_dir)
        for _, head in heads.parts():
            head.to(device)
        return cls(Encoder.load(device), heads, catalogue)

    def read(self, texts: Sequence[str]) -> list[Analysis]:
        """Read texts of any length; what lies beyond 256 tokens is seen by the recognisers only."""
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
        done: dict[int, Analysis] = {}
        for start in range(0, len(order), BUCKET):
            rows = order[start : start + BUCKET]
            done.update(zip(rows, self._read_bucket([texts[row] for row in rows]), strict=True))
        return [done[at] for at in range(len(texts))]

    def entities(self, texts: Sequence[str]) -> list[tuple[Entity, ...]]:
        """Only the entities, of agents' texts as well as of customers'; for preparing data."""
        return [analysis.entities for analysis in self.read(texts)]

    def _read_bucket(self, texts: Sequence[str]) -> list[Analysis]:
        encoded = self.encoder.encode(texts)
        sentiments = self.heads.sentiment.predict(encoded)
        intents = self.heads.intents.predict(encoded)
        entities = self._find(encoded, self.heads.entities)
        analyses: list[Analysis] = []
        for row, text in enumerate(texts):
            language, score = identify(text, entities[row])
            analyses.append(
                Analysis(
                    language=language,
                    language_score=score,
                    sentiment=sentiments[row],
                    entities=entities[row],
                    intent=intents[row],
                    embedding=encoded.embedding[row].copy(),
                )
            )
        return analyses

    def _find(self, encoded: Encoded, tagger: EntityHead) -> list[tuple[Entity, ...]]:
        tagged = tagger.predict(encoded)
        return [
            merge(text, recognise(text, self._catalogue), guesses)
            for text, guesses in zip(encoded.texts, tagged, strict=True)
        ]
