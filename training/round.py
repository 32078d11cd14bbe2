"""One round, top to bottom: conversations in, a version out that answers as their agents do.

Read and delexicalise; set some conversations aside; teach the matcher which reply answers what; tune
the reply model with what retrieval finds in its prompt; fit the score on the conversations set aside;
measure; publish. A round that was stopped goes on where it stood. Knows files, a version to begin with
and folders; knows no database and no command line.
"""

from __future__ import annotations

import hashlib
import json
import platform
import random
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlp import slots
from nlp.context import query_vectors
from nlp.device import cores, frugal
from nlp.generator import Generator
from nlp.matcher import Matcher
from nlp.memory import Knowledge, build_index
from nlp.pipeline import Pipeline
from nlp.pool import USUAL, Explained, Pool
from nlp.quiet import quiet
from nlp.reading import Reader
from nlp.recall import Recall
from nlp.registry import STARTER, Registry, Version
from training import evaluate_replies as asking
from training import files
from training.bases import Base, load_base, save_reply_model
from training.card import write_reply_card
from training.dataset import NEIGHBOURS, Memory, Moment, examples
from training.files import BadFile, Conversation
from training.finetune import Example, TuneConfig, tune, weighted_loss
from training.finetune import padded as padded_examples
from training.matcher import Lesson, MatchConfig, fit_matcher, new_matcher, save_matcher, try_step
from training.measures import rounded
from training.progress import Progress
from training.questions import TURNS, Question
from training.ranker import blank, fit_to_truths

ASIDE, MOST_ASIDE = 0.12, 300
"""Share of the conversations that fit the score, and the most of their agent turns that do."""
MATCHER_SHARE, REPLY_SHARE = 0.4, 0.35
"""Of the minutes: to teach the matcher, and to tune the reply model."""
EPOCHS = 6
"""No more than so often is the same thing taught: what is learned by heart does not help."""
PLAN, SPENT = "plan.json", "spent.json"
FEWEST = 8
"""Steps that are made whatever the time."""
FEWEST_CONVERSATIONS = 20


@dataclass(frozen=True, slots=True)
class Order:
    """What a round is asked to do."""

    data: tuple[Path, ...]
    base: str = STARTER
    minutes: float = 45.0
    seed: int = 17
    device: str = "cpu"

    @property
    def name(self) -> str:
        """The same for the same order: where a stopped round is found again."""
        told = [self.base, self.minutes, self.seed, *(files.sha256(path) for path in self.data)]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Taught:
    """The conversations of a round: all of them, those to learn from, and questions of the rest."""

    everything: list[Conversation]
    learned: list[Conversation]
    lessons: list[Question]
    aside: list[Question]


def run(order: Order, registry: Registry, work: Path, progress: Progress) -> tuple[Version, dict[str, Any]]:
    """Train and publish a version; returns it with its figures.

    `work` keeps what is half done, and is removed at the end. Raises BadFile and NlpError subclasses.
    """
    frugal()
    quiet()
    folder = work / order.name
    with timed_in(folder / SPENT):
        made, facts = train(order, registry, folder, progress)
    facts["seconds"] = round(spent(folder / SPENT))
    write_reply_card(made / "reply", facts)
    version = registry.publish(registry.fresh_name(), made, facts)
    shutil.rmtree(folder)
    return version, facts


def train(order: Order, registry: Registry, folder: Path, progress: Progress) -> tuple[Path, dict[str, Any]]:
    """Everything up to a version that is ready to publish: its folder, and what is known of it."""
    base, parent = load_base(order.base, registry, seed=order.seed), parent_of(order.base, registry)
    made = folder / "version"
    reader = Reader.load(parent.heads, device=order.device)
    progress("reading the conversations", 0, 1)
    taught = collect(order, reader)
    shutil.copytree(parent.heads, made / "heads", dirs_exist_ok=True)
    teach_matcher(taught, parent, order, folder, progress)
    matcher = Matcher.load(made / "reply", order.device)
    tune_reply_model(taught, base, reader, matcher, order, folder, progress)
    figures = fit_and_measure(taught, reader, matcher, order, folder, progress)
    progress("remembering the replies", 0, 1)
    shutil.copytree(folder / "index", made / "memory", dirs_exist_ok=True)
    remember(taught.everything, reader, matcher, made / "memory")
    plan = json.loads((folder / PLAN).read_text())
    return made, noted(order, base, taught, plan, figures)


@contextmanager
def timed_in(note: Path) -> Iterator[None]:
    """Add the seconds of the block to what earlier tries have spent; one that was killed outright is lost."""
    began, before = time.monotonic(), spent(note)
    try:
        yield
    finally:
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(json.dumps(before + time.monotonic() - began))


def spent(note: Path) -> float:
    """Seconds that a round has taken so far, over all its tries."""
    return float(json.loads(note.read_text())) if note.exists() else 0.0


def parent_of(base: str, registry: Registry) -> Version:
    """The version whose readings and matcher a round begins with: the base itself, where it is one."""
    return registry.get(base if base in registry.names() else STARTER)


# --- collect ---


def collect(order: Order, reader: Reader) -> Taught:
    """Read the files, each conversation once, and set some of them aside."""
    found: dict[str, Conversation] = {}
    for path in order.data:
        for one in files.rows(path, files.conversation_row):
            if asking.answers(one):
                found.setdefault(asking.digest(one), replace(one, id=asking.digest(one)))
    if len(found) < FEWEST_CONVERSATIONS:
        raise BadFile(
            f"{', '.join(path.name for path in order.data)}: {len(found)} conversations with an agent's "
            f"answer; {FEWEST_CONVERSATIONS} at least are needed to learn from"
        )
    everything = list(found.values())
    names = sorted(found)
    random.Random(order.seed).shuffle(names)
    aside = set(names[: max(2, round(ASIDE * len(names)))])
    questions = asking.all_questions(everything, reader)
    dev = [q for q in questions if q.dialogue.id in aside]
    random.Random(order.seed).shuffle(dev)
    return Taught(
        everything,
        [one for name, one in found.items() if name not in aside],
        [q for q in questions if q.dialogue.id not in aside],
        dev[:MOST_ASIDE],
    )


def moment(question: Question) -> Moment:
    """A question as what the reply model learns from, with its reading."""
    turns = question.dialogue.turns[max(0, question.at - TURNS) : question.at]
    mood = question.request.analysis.sentiment.label
    return Moment(replace(question.dialogue, mood=mood), turns, question.truth)


# --- plan ---


def planned(note: Path, what: str, steps: Callable[[], int]) -> int:
    """How many steps of `what` are made: counted once for an order, so that a resumed round keeps to it."""
    known: dict[str, int] = json.loads(note.read_text()) if note.exists() else {}
    if what not in known:
        known[what] = steps()
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(json.dumps(known))
    return known[what]


def fitting(seconds: float, each: float, epoch: float) -> int:
    """Steps that fit into the seconds, at `each` seconds a step and `epoch` steps for all examples once."""
    return max(FEWEST, min(round(EPOCHS * epoch), int(seconds / each)))


def timed(step: Callable[[], object]) -> float:
    """Seconds of a step, the second of two: the first one also makes what later ones find made."""
    step()
    began = time.monotonic()
    step()
    return time.monotonic() - began


def matcher_steps(lessons: Sequence[Lesson], parent: Version, order: Order) -> int:
    """Steps of the matcher within its share of the minutes."""
    model, codec = new_matcher(order.seed, parent.reply)
    count = MatchConfig(steps=1).lessons
    batch = list(lessons[:: max(1, len(lessons) // count)])[:count]
    each = timed(lambda: try_step(model, codec, batch))
    return fitting(MATCHER_SHARE * 60 * order.minutes, each, len(lessons) / count)


def reply_steps(shown: Sequence[Example], base: Base, order: Order) -> int:
    """Steps of the reply model within its share of the minutes."""
    tokens, mean = TuneConfig(steps=1).tokens_per_batch, sum(len(one.ids) for one in shown) / len(shown)
    batch = padded_examples(sorted(shown, key=lambda one: abs(len(one.ids) - mean))[: int(tokens / mean)])
    each = timed(lambda: weighted_loss(base.model, *batch).backward())  # type: ignore[no-untyped-call]
    base.model.zero_grad(set_to_none=True)
    return fitting(REPLY_SHARE * 60 * order.minutes, each, len(shown) * mean / tokens)


# --- teach ---


def match_lessons(questions: Sequence[Question]) -> list[Lesson]:
    """Every true reply behind its conversation."""
    return [Lesson(q.dialogue.turns[max(0, q.at - TURNS) : q.at], q.truth, q.dialogue.id) for q in questions]


def teach_matcher(taught: Taught, parent: Version, order: Order, folder: Path, progress: Progress) -> None:
    """Which reply answers what, from the true ones; begins with the parent's matcher."""
    lessons = match_lessons(taught.lessons)
    steps = planned(folder / PLAN, "matcher_steps", lambda: matcher_steps(lessons, parent, order))
    model, codec = new_matcher(order.seed, parent.reply)
    fit_matcher(
        model,
        codec,
        [lessons],
        [],
        MatchConfig(steps=steps, seed=order.seed, threads=cores(), checkpoint_every=20),
        checkpoint=folder / "matcher",
        validation=match_lessons(taught.aside),
        progress=partial(progress, "teaching which reply answers what"),
    )
    save_matcher(model, folder / "version" / "reply")


def tune_reply_model(
    taught: Taught,
    base: Base,
    reader: Reader,
    matcher: Matcher,
    order: Order,
    folder: Path,
    progress: Progress,
) -> None:
    """Adapt the reply model to these agents, with what retrieval finds in its prompt."""
    asked = [moment(q) for q in taught.lessons]
    shown = with_neighbours(asked, base, reader, matcher, order.seed)
    steps = planned(folder / PLAN, "reply_steps", lambda: reply_steps(shown, base, order))
    rate = 1e-3 if base.low_rank else 4e-4
    tune(
        base.model,
        shown,
        TuneConfig(
            steps=steps,
            seed=order.seed,
            learning_rate=rate,
            final_rate=rate / 20,
            warmup_steps=min(50, steps // 5),
            threads=cores(),
            checkpoint_every=50,
        ),
        checkpoint=folder / "reply",
        progress=partial(progress, "tuning the reply model"),
    )
    save_reply_model(base.model, base.codec, folder / "version" / "reply")


def with_neighbours(
    asked: Sequence[Moment], base: Base, reader: Reader, matcher: Matcher, seed: int
) -> list[Example]:
    """Examples with the replies that would be found, never one of the same conversation."""
    queries = query_vectors([m.turns for m in asked], reader.encoder.embed)
    places = matcher.conversations([m.turns for m in asked])
    answers = matcher.remembered([m.reply for m in asked])
    memory = Memory(asked, np.concatenate([queries, answers], axis=1))
    near = memory.neighbours(asked, np.concatenate([queries, places], axis=1), NEIGHBOURS)
    return examples(asked, near, [""] * len(asked), base.codec, seed=seed)


# --- judge ---


def fit_and_measure(
    taught: Taught, reader: Reader, matcher: Matcher, order: Order, folder: Path, progress: Progress
) -> dict[str, Any]:
    """Fit the score on the conversations set aside, and say what the version makes of them.

    Half of the questions fit a score that the other half measures, and the other way round; what ships
    is fitted on all.
    """
    reply = folder / "version" / "reply"
    index = build_index(Knowledge({}, (), list(asking.items(taught.learned))), reader, cache=folder / "index")
    parts = (reader, Generator.load(reply, order.device), matcher)
    brain = Pipeline("candidate", *parts, blank(), Recall(index, matcher), ())
    found = asking.explained(brain, taught.aside, progress)
    truths = reader.encoder.embed([slots.spoken(q.truth) for q in taught.aside])
    pools = [one.pool for one in found]
    score = fit_to_truths(pools, truths)
    score.save(reply)
    figures = asking.judged(brain, taught.aside, crosswise(pools, truths), order.seed, score)
    figures.pop("plots")
    return rounded({"n": len(found), **figures})


def crosswise(pools: Sequence[Pool], truths: NDArray[np.float32]) -> list[Explained]:
    """What would be shown for each pool by a score that the other half of the pools fitted."""
    shown: list[Explained] = list(map(partial(Explained, ()), pools))
    for side in (0, 1):
        score = fit_to_truths(pools[1 - side :: 2], truths[1 - side :: 2])
        for at in range(side, len(pools), 2):
            shown[at] = Explained(tuple(pools[at].ranked(score, USUAL)), pools[at])
    return shown


# --- publish ---


def remember(conversations: Sequence[Conversation], reader: Reader, matcher: Matcher, memory: Path) -> None:
    """Keep the replies of all conversations, delexicalised, and digests of the conversations."""
    index = build_index(Knowledge({}, (), list(asking.items(conversations))), reader, cache=memory)
    matcher.remembered(index.replies, memory)
    (memory / asking.CONVERSATIONS).write_text(json.dumps(sorted(one.id for one in conversations)))


def noted(
    order: Order, base: Base, taught: Taught, plan: dict[str, int], figures: dict[str, Any]
) -> dict[str, Any]:
    """What the version's maker writes down."""
    return {
        "base": dict(base.facts),
        "data": [{"file": path.name, "sha256": files.sha256(path)} for path in order.data],
        "conversations": len(taught.everything),
        "lessons": len(taught.lessons),
        "seed": order.seed,
        "minutes": order.minutes,
        **plan,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "hardware": {"processor": platform.processor() or platform.machine(), "cores": cores()},
        "replies": figures,
    }
