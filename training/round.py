"""One round, top to bottom: conversations in, a version out that answers as their agents do, or a refusal.

Read and delexicalise; set some conversations aside; teach the matcher which reply answers what; tune
the reply model with what retrieval finds in its prompt; fit the score on the conversations set aside;
measure; try the candidate against the champion and test what it gives away; publish, with the gate's
verdict. A round that was stopped goes on where it stood. Knows files, a version to begin with and
folders; knows no database and no command line.
"""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from nlp import slots
from nlp.device import cores, frugal
from nlp.forgetting import CONVERSATIONS, SOURCES, trained_on
from nlp.generator import Generator
from nlp.matcher import Matcher
from nlp.memory import Knowledge, build_index
from nlp.pipeline import Pipeline
from nlp.quiet import quiet
from nlp.ranking import Ranker
from nlp.reading import Reader
from nlp.recall import Recall
from nlp.registry import STARTER, Registry, Version
from training import evaluate_replies as asking
from training import exposure, files, leaks, plan, trial
from training.bases import Base, load_base, save_reply_model
from training.card import write_reply_card
from training.finetune import TuneConfig, tune
from training.gate import Leaks, Trial, decide, group_gains
from training.lessons import Shown, Taught, collect, match_lessons
from training.matcher import MatchConfig, fit_matcher, new_matcher, save_matcher
from training.measures import rounded
from training.progress import Progress
from training.ranker import blank, fit_to_truths
from training.replies import Judge
from training.report import write_report

PLAN, SPENT = "plan.json", "spent.json"
REPORTS, PLOTS, CONTROLS = "reports", "plots.json", "controls"
FULL_TEST = 5.0
"""Minutes from which a round tries every way to a planted secret; shorter ones are trials."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a round is asked to do; `champion` is the version that it must beat."""

    data: tuple[Path, ...]
    base: str = STARTER
    minutes: float = 45.0
    seed: int = 17
    device: str = "cpu"
    champion: str = STARTER

    @property
    def name(self) -> str:
        """The same for the same order: where a stopped round is found again."""
        told = [self.base, self.minutes, self.seed, self.champion, *map(files.sha256, self.data)]
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

    def brain(self, reply: Path, knowledge: Knowledge, score: Ranker) -> Pipeline:
        """The models of a reply folder over what was learned."""
        matcher = Matcher.load(reply, self.order.device)
        index = build_index(knowledge, self.reader, cache=self.folder / "index")
        writer = Generator.load(reply, self.order.device)
        return Pipeline(reply.parent.name, self.reader, writer, matcher, score, Recall(index, matcher), ())


@dataclass(frozen=True, slots=True)
class Candidate:
    """A folder that is ready to be published, and what is known of it."""

    made: Path
    facts: dict[str, Any]
    plots: dict[str, Any]


def run(order: Order, registry: Registry, work: Path, progress: Progress) -> tuple[Version, dict[str, Any]]:
    """Train and publish a version; returns it with its figures, the gate's verdict under "gate".

    A refused version is published too, for people to look at, and can't be promoted. `work` keeps what is
    half done until the end, and a page of plots for each version in REPORTS. Raises BadFile and NlpError
    subclasses.
    """
    frugal()
    quiet()
    folder = work / order.name
    with plan.timed_in(folder / SPENT):
        candidate = train(order, registry, folder, progress)
    facts = {**candidate.facts, "seconds": round(plan.spent(folder / SPENT))}
    write_reply_card(candidate.made / "reply", facts)
    version = registry.publish(registry.fresh_name(), candidate.made, facts)
    told = {**facts["replies"], "gate": facts["gate"], "plots": candidate.plots}
    place = work / REPORTS / version.name
    write_report(place, f"{version.name} against {facts['champion']}", told)
    (place / PLOTS).write_text(json.dumps(candidate.plots))
    shutil.rmtree(folder)
    return version, facts


def train(order: Order, registry: Registry, folder: Path, progress: Progress) -> Candidate:
    """Everything up to a version that is ready to publish."""
    base, parent = load_base(order.base, registry, seed=order.seed), parent_of(order.base, registry)
    champion = registry.get(order.champion)
    bench = Bench(order, folder, Reader.load(parent.heads, device=order.device), progress)
    progress("reading the conversations", 0, 1)
    taught = collect(order.data, bench.reader, order.seed, progress)
    shutil.copytree(parent.heads, bench.made / "heads", dirs_exist_ok=True)
    matcher = taught_matcher(taught, parent, bench)
    shown = Shown.of(taught.lessons, bench.reader, matcher)
    losses = tune_reply_model(shown, base, bench)
    figures, found = measured(taught, champion, bench)
    given = given_away(shown, taught, order.base, registry, bench)
    verdict = decide(found, given, order.seed)
    plots = {**drawn(found, champion.name, order.seed), "loss": losses}
    progress("remembering the replies", 0, 1)
    shutil.copytree(folder / "index", bench.made / "memory", dirs_exist_ok=True)
    remember(taught, bench.reader, matcher, bench.made / "memory")
    steps = json.loads((folder / PLAN).read_text())
    facts = noted(order, base, taught, steps, figures)
    facts = {**facts, "champion": champion.name, "gate": {**verdict.told(), "questions": found.n}}
    return Candidate(bench.made, facts, plots)


def parent_of(base: str, registry: Registry) -> Version:
    """The version whose readings and matcher a round begins with: the base itself, where it is one."""
    return registry.get(base if base in registry.names() else STARTER)


# --- teach ---


def taught_matcher(taught: Taught, parent: Version, bench: Bench) -> Matcher:
    """Which reply answers what, from the true ones; begins with the parent's matcher."""
    order, lessons = bench.order, match_lessons(taught.lessons)
    steps = bench.planned(
        "matcher_steps", lambda: plan.matcher_steps(lessons, parent, order.minutes, order.seed)
    )
    model, codec = new_matcher(order.seed, parent.reply)
    fit_matcher(
        model,
        codec,
        [lessons],
        [],
        MatchConfig(steps=steps, seed=order.seed, threads=cores(), checkpoint_every=20),
        checkpoint=bench.folder / "matcher",
        validation=match_lessons(taught.aside),
        progress=partial(bench.progress, "teaching which reply answers what"),
    )
    save_matcher(model, bench.reply)
    return Matcher.load(bench.reply, order.device)


def tune_reply_model(shown: Shown, base: Base, bench: Bench) -> list[dict[str, float]]:
    """Adapt the reply model to what these agents wrote, unlearn what it recites; returns the log rows."""
    order, examples = bench.order, shown.examples(base.codec, bench.order.seed)
    steps = bench.planned("reply_steps", lambda: plan.reply_steps(examples, base, order.minutes))
    rate = 1e-3 if base.low_rank else 4e-4
    rows = tune(
        base.model,
        examples,
        TuneConfig(
            steps=steps,
            seed=order.seed,
            learning_rate=rate,
            final_rate=rate / 20,
            warmup_steps=min(50, steps // 5),
            threads=cores(),
            checkpoint_every=50,
        ),
        checkpoint=bench.folder / "reply",
        progress=partial(bench.progress, "tuning the reply model"),
    )
    if not base.low_rank:
        leaks.unlearn(base.model, base.codec, shown, examples, order.seed)
    save_reply_model(base.model, base.codec, bench.reply)
    return rows


# --- judge ---


def measured(taught: Taught, champion: Version, bench: Bench) -> tuple[dict[str, Any], Trial]:
    """Fit the score on the conversations set aside, measure, and try the candidate against the champion.

    Half of the questions fit a score that the other half measures, and the other way round; what ships
    is fitted on all.
    """
    questions, seed = taught.aside, bench.order.seed
    knowledge = Knowledge({}, (), list(asking.items(taught.learned)))
    ours = bench.brain(bench.reply, knowledge, blank())
    theirs = bench.brain(champion.reply, knowledge, Ranker.load(champion.reply))
    told = partial(bench.progress, "asking candidate and champion")
    mine, other = trial.answers((ours, theirs), questions, lambda done: told(done, len(questions)))
    truths = bench.reader.encoder.embed([slots.spoken(q.truth) for q in questions])
    pools = [one.pool for one in mine.found]
    score = fit_to_truths(pools, truths)
    score.save(bench.reply)
    mine = replace(mine, found=trial.crosswise(pools, truths))
    figures = asking.judged(ours, questions, mine.found, seed, score)
    figures.pop("plots")
    judge = Judge(questions, bench.reader.encoder.embed)
    before = trial.side(theirs, questions, other, judge, seed)
    after = trial.side(ours, questions, mine, judge, seed)
    seen = trained_on(champion)
    kept = [at for at, question in enumerate(questions) if question.dialogue.id not in seen]
    return rounded({"n": len(questions), **figures}), trial.compared(before, after, questions, kept)


def drawn(found: Trial, champion: str, seed: int) -> dict[str, Any]:
    """What the report draws of a trial."""
    gains = {name: [one.mean, one.low, one.high] for name, one in group_gains(found, seed).items()}
    similarity = {
        "candidate": found.candidate.similarity.tolist(),
        champion: found.champion.similarity.tolist(),
    }
    return {"similarity": similarity, "gains": gains}


def given_away(shown: Shown, taught: Taught, base: str, registry: Registry, bench: Bench) -> Leaks:
    """What the tuned model recites of the conversations, and knows of the secrets planted among them."""
    order = bench.order
    writer = Generator.load(bench.reply, order.device)
    prompts = leaks.prompts_of(shown)[True]
    written = leaks.sampled(writer, prompts, leaks.SAMPLED_REPLIES, order.seed, bench.progress)
    spans = leaks.spans_recited(written, leaks.owned_by(shown))
    known = exposure.examine(
        bench.reply,
        taught.planted,
        control=controlled(taught, base, registry, bench),
        seed=order.seed,
        quick=order.minutes < FULL_TEST,
        device=order.device,
        progress=bench.progress,
    )
    return Leaks(
        recited=len(spans),
        sampled=len(written),
        exposure=known.mean,
        limit=known.limit,
        produced=len(known.produced),
        planted=len(known.exposures),
        control=min(known.control, default=None),
        wanted=exposure.POWER,
    )


def controlled(taught: Taught, base: str, registry: Registry, bench: Bench) -> list[float]:
    """Exposures of secrets that the same base learned as written: what the test must be able to see.

    They say something of the base and not of the conversations, so they are measured once for each base.
    """
    begun = load_base(base, registry, seed=bench.order.seed)
    note = bench.folder.parent / CONTROLS / f"{weights_of(begun)}-{bench.order.seed}.json"
    if not note.exists():
        folder = bench.folder / "control"
        found = exposure.control(
            begun, taught.planted, folder, seed=bench.order.seed, threads=cores(), progress=bench.progress
        )
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(json.dumps(found))
    kept: list[float] = json.loads(note.read_text())
    return kept


def weights_of(base: Base) -> str:
    """A digest of a base's weights."""
    digest = hashlib.sha256()
    for name, value in sorted(base.model.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().float().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


# --- publish ---


def remember(taught: Taught, reader: Reader, matcher: Matcher, memory: Path) -> None:
    """Keep the replies of all conversations, delexicalised, and the conversations' names."""
    index = build_index(Knowledge({}, (), list(asking.items(taught.everything))), reader, cache=memory)
    matcher.remembered(index.replies, memory)
    (memory / CONVERSATIONS).write_text(json.dumps(taught.seen))
    (memory / SOURCES).write_text(json.dumps(taught.sources))


def noted(
    order: Order, base: Base, taught: Taught, steps: dict[str, int], figures: dict[str, Any]
) -> dict[str, Any]:
    """What the version's maker writes down."""
    return {
        "base": dict(base.facts),
        "data": [{"file": path.name, "sha256": files.sha256(path)} for path in order.data],
        "conversations": len(taught.everything),
        "lessons": taught.own_lessons,
        "echoes": taught.echoes,
        "cleaned": {"repaired": taught.cleaned.repaired, "dropped": dict(taught.cleaned.dropped)},
        "seed": order.seed,
        "minutes": order.minutes,
        **steps,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "hardware": {"processor": platform.processor() or platform.machine(), "cores": cores()},
        "replies": figures,
    }
