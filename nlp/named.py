"""Named intents in new messages: where the shipped head is unsure, examples have the second word.

A head fitted to the named messages and, as their contrast, to other messages of the log that are near to
none of them: with one intent alone there would be nothing to tell it from. It reads the embedding that
every reading has, so it costs no pass of the encoder, and it is replaced while messages are served. A
version's own name stays what it was. Knows vectors and names; knows no database and no customer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nlp.types import OUT_OF_SCOPE, Analysis, Brain, Draft, Intent, ReplyRequest

if TYPE_CHECKING:
    from nlp.fewshot import ExampleIntents

Vectors = NDArray[np.float32]

OTHERS = 300
"""Messages of the contrast. With 40 examples each, one to ten intents of CLINC150 are recognised in 0.88 to
0.92 of their messages, and 0.002 to 0.024 of the others are mistaken for them (benchmarks/discovery.py)."""
NEAR = 0.7
"""A message nearer than this to an example may mean the same: it is no contrast."""
_OTHER = ""


@dataclass(frozen=True, slots=True)
class _Nearest:
    """The rule while the log has nothing to tell a single intent from: near to an example, or not."""

    name: str
    examples: Vectors

    def predict(self, vectors: Vectors) -> list[Intent]:
        near = (vectors @ self.examples.T).max(axis=1)
        return [Intent(self.name if how >= NEAR else OUT_OF_SCOPE, float(how)) for how in near]


class NamedIntents:
    """What the named intents say of readings; `learn` replaces it at any time, from any thread."""

    def __init__(self) -> None:
        self._head: ExampleIntents | _Nearest | None = None

    def learn(self, names: Sequence[str], vectors: Vectors, log: Vectors) -> None:
        """Fit to unit vectors (n, d) and their intents; `log` (m, d) are any messages. Blocks for seconds.

        Without examples nothing is recognised any more.
        """
        self._head = _fitted(names, vectors, log) if len(names) else None

    def read(self, analyses: Sequence[Analysis]) -> list[Analysis]:
        """The readings, with a named intent where the head is unsure and the examples are not."""
        head = self._head
        unsure = [at for at, one in enumerate(analyses) if one.intent.unsure()]
        read = list(analyses)
        if head is not None and unsure:
            found = head.predict(np.stack([analyses[at].embedding for at in unsure]))
            for at, intent in zip(unsure, found, strict=True):
                if intent.name not in (_OTHER, OUT_OF_SCOPE):
                    read[at] = replace(analyses[at], intent=intent)
        return read

    def names(self, vectors: Vectors) -> list[str]:
        """The named intent of each vector (n, d), OUT_OF_SCOPE where it is none of them."""
        head = self._head
        if head is None or not len(vectors):
            return [OUT_OF_SCOPE] * len(vectors)
        return [intent.name or OUT_OF_SCOPE for intent in head.predict(vectors)]

    def around(self, brain: Brain) -> Brain:
        """The brain, reading with the named intents of each moment."""
        return _NamingBrain(brain, self)


class _NamingBrain:
    def __init__(self, brain: Brain, named: NamedIntents) -> None:
        self._brain, self._named = brain, named

    @property
    def version(self) -> str:
        return self._brain.version

    def understand(self, texts: Sequence[str]) -> list[Analysis]:
        return self._named.read(self._brain.understand(texts))

    def suggest(self, requests: Sequence[ReplyRequest]) -> list[list[Draft]]:
        return self._brain.suggest(requests)

    @property
    def unread(self) -> int:
        return self._brain.unread

    def read_on(self) -> None:
        self._brain.read_on()


def _fitted(names: Sequence[str], vectors: Vectors, log: Vectors) -> ExampleIntents | _Nearest:
    far = log[(log @ vectors.T).max(axis=1) < NEAR][:OTHERS] if len(log) else log
    if not len(far) and len(set(names)) == 1:
        return _Nearest(names[0], vectors)
    # Here: scikit-learn takes seconds to import, and a shop begins without named intents.
    from nlp.fewshot import ExampleIntents

    if not len(far):
        return ExampleIntents.fit(vectors, names)
    return ExampleIntents.fit(np.concatenate([vectors, far]), [*names, *[_OTHER] * len(far)])
