"""Where one round works: its order, its folder, the reader that all of it reads with. Decides nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nlp.generator import Generator
from nlp.matcher import Matcher
from nlp.memory import Knowledge, build_index
from nlp.pipeline import Pipeline
from nlp.ranking import Ranker
from nlp.reading import Reader
from nlp.recall import Recall
from nlp.registry import STARTER
from training import files, plan
from training.progress import Progress

PLAN = "plan.json"


@dataclass(frozen=True, slots=True)
class Order:
    """What a round is asked to do; `champion` is the version that it must beat."""

    data: tuple[Path, ...]
    base: str = STARTER
    minutes: float = 45.0
    seed: int = 17
    device: str = "cpu"
    champion: str = STARTER
    augment: str = ""
    """How customers' turns are said in other words for the matcher (`training.reworded`); "": not at all."""

    @property
    def name(self) -> str:
        """The same for the same order: where a stopped round is found again."""
        told: list[object] = [self.base, self.minutes, self.seed, self.champion]
        told += [*map(files.sha256, self.data), *([self.augment] if self.augment else [])]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Bench:
    """Where one round works: its order, its folder, the reader that all of it reads with."""

    order: Order
    folder: Path
    reader: Reader
    progress: Progress

    @property
    def made(self) -> Path:
        """The folder of the version in the making."""
        return self.folder / "version"

    @property
    def reply(self) -> Path:
        """Its reply model, matcher and score."""
        return self.made / "reply"

    def planned(self, what: str, steps: Callable[[], int]) -> int:
        """Steps of one part of the round; the same after a stop."""
        return plan.planned(self.folder / PLAN, what, steps)

    def readable(self, texts: Sequence[str]) -> int:
        """How many of the texts there is time to read."""
        return self.planned("texts", lambda: plan.readable(texts, self.reader, self.order.minutes))

    def brain(self, reply: Path, knowledge: Knowledge, score: Ranker) -> Pipeline:
        """The models of a reply folder over what was learned."""
        matcher = Matcher.load(reply, self.order.device)
        index = build_index(knowledge, self.reader, cache=self.folder / "index")
        writer = Generator.load(reply, self.order.device)
        return Pipeline(reply.parent.name, self.reader, writer, matcher, score, Recall(index, matcher), ())
