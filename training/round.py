"""One round, top to bottom: conversations in, a version out that answers as their agents do, or a refusal.

Read and delexicalise; set some conversations aside; teach the matcher which reply answers what; tune
the reply model with what retrieval finds in its prompt; fit the score on the conversations set aside;
measure; try the candidate against the champion and test what it gives away; publish, with the gate's
verdict. A round that was stopped goes on where it stood. Knows files, a version to begin with and
folders; knows no database and no command line.
"""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Sequence
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
from nlp.pool import Explained
from nlp.quiet import quiet
from nlp.ranking import Ranker
from nlp.reading import Reader
from nlp.recitation import Owned
from nlp.registry import STARTER, Registry, Version
from training import acceptance, control, exposure, files, leaks, plan, reworded, trial
from training import evaluate_replies as asking
from training.acceptance import Material
from training.bases import Base, load_base
from training.bench import PLAN, Bench
from training.bench import Order as Order
from training.card import write_reply_card
from training.gate import Leaks, Trial, decide, group_gains
from training.lessons import Shown, Taught, collect
from training.measures import rounded
from training.progress import Progress
from training.questions import Question
from training.ranker import blank
from training.replies import Judge
from training.report import write_report
from training.teaching import taught_matcher, tune_reply_model

SPENT = "spent.json"
REPORTS, PLOTS = "reports", "plots.json"
FULL_TEST = 20.0
"""Minutes from which a round tries every way to a planted secret; shorter ones are trials."""


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
    told = {**facts["replies"], **also(facts), "gate": facts["gate"], "plots": candidate.plots}
    place = work / REPORTS / version.name
    write_report(place, f"{version.name} against {facts['champion']}", told)
    (place / PLOTS).write_text(json.dumps(candidate.plots))
    shutil.rmtree(folder)
    return version, facts


def train(order: Order, registry: Registry, folder: Path, progress: Progress) -> Candidate:
    """Everything up to a version that is ready to publish."""
    champion = registry.get(order.champion)
    pupil = teach(order, registry, folder, progress)
    bench, taught, base = pupil.bench, pupil.taught, pupil.base
    figures, accepted, found = measured(taught, champion, bench)
    given = given_away(pupil.shown, taught, order.base, registry, bench)
    verdict = decide(found, given, order.seed)
    plots = {**drawn(found, champion.name, order.seed), "loss": pupil.losses}
    progress("remembering the replies", 0, 1)
    shutil.copytree(folder / "index", bench.made / "memory", dirs_exist_ok=True)
    remember(taught, bench.reader, pupil.matcher, bench.made / "memory")
    steps = json.loads((folder / PLAN).read_text())
    facts = noted(order, base, taught, steps, figures)
    facts = {**facts, **pupil.facts, "acceptance": accepted, "champion": champion.name}
    facts["gate"] = {**verdict.told(), "questions": found.n}
    return Candidate(bench.made, facts, plots)


@dataclass(frozen=True, slots=True)
class Pupil:
    """What was taught, before anybody has asked it anything; its models lie in `bench.reply`."""

    bench: Bench
    base: Base
    taught: Taught
    shown: Shown
    matcher: Matcher
    losses: list[dict[str, float]]
    facts: dict[str, Any]
    """What came of parts that not every round has (ALSO)."""


def teach(order: Order, registry: Registry, folder: Path, progress: Progress) -> Pupil:
    """Read the conversations, teach the matcher, tune the reply model; a stopped one goes on."""
    if order.augment:
        reworded.check(order.augment)
    base, parent = load_base(order.base, registry, seed=order.seed), parent_of(order.base, registry)
    bench = Bench(order, folder, Reader.load(parent.heads, device=order.device), progress)
    progress("reading the conversations", 0, 1)
    taught = collect(order.data, bench.reader, order.seed, progress, bench.readable)
    shutil.copytree(parent.heads, bench.made / "heads", dirs_exist_ok=True)
    matcher, gained = taught_matcher(taught, parent, bench)
    shown = Shown.of(taught.lessons, bench.reader, matcher)
    losses, preferred = tune_reply_model(shown, taught, matcher, base, bench)
    return Pupil(bench, base, taught, shown, matcher, losses, {**gained, **preferred})


ALSO = ("augmentation", "preference", "acceptance")
"""Facts of a version that not every round has; each has a table in the report and a paragraph on the card."""


def also(facts: dict[str, Any]) -> dict[str, Any]:
    """Those that this round has."""
    return {name: facts[name] for name in ALSO if name in facts}


def parent_of(base: str, registry: Registry) -> Version:
    """The version whose readings and matcher a round begins with: the base itself, where it is one."""
    return registry.get(base if base in registry.names() else STARTER)


# --- judge ---


def measured(taught: Taught, champion: Version, bench: Bench) -> tuple[dict[str, Any], dict[str, Any], Trial]:
    """Fit the score on the conversations set aside, measure, and try the candidate against the champion.

    Half of the questions fit a score that the other half measures, and the other way round; what ships
    is fitted on all. Returns figures, what judged drafts have done for the score, and the trial.
    """
    seed = bench.order.seed
    knowledge = Knowledge({}, (), list(asking.items(taught.learned)))
    ours = bench.brain(bench.reply, knowledge, blank())
    theirs = bench.brain(champion.reply, knowledge, Ranker.load(champion.reply))
    most = askable(taught.aside, (ours, theirs), bench)
    questions = taught.aside[:most]
    told = partial(bench.progress, "asking candidate and champion")
    mine, other = trial.answers((ours, theirs), questions, lambda done: told(done, len(questions)))
    truths = bench.reader.encoder.embed([slots.spoken(q.truth) for q in questions])
    pools = [one.pool for one in mine.found]
    material = Material(pools, truths, [q.dialogue.id for q in questions])
    judged = acceptance.reviews(ours, taught.reviewed[:most], taught.drafts, bench.progress)
    accepted = acceptance.tried(material, judged)
    taught_by = judged if accepted["used"] else []
    score = acceptance.fit(material, taught_by)
    score.save(bench.reply)

    def fitted(rows: Sequence[int]) -> Ranker:
        asked = {one.id for at, one in enumerate(questions) if at not in set(rows)}
        return acceptance.fit(material.only(rows), [one for one in taught_by if one.question not in asked])

    mine = replace(mine, found=trial.crosswise(pools, fitted))
    figures = asking.judged(ours, questions, mine.found, seed, score)
    figures.pop("plots")
    judge = Judge(questions, bench.reader.encoder.embed)
    before = trial.side(theirs, questions, other, judge, seed)
    after = trial.side(ours, questions, mine, judge, seed)
    seen = trained_on(champion)
    kept = [at for at, question in enumerate(questions) if question.dialogue.id not in seen]
    figures = rounded({"n": len(questions), **figures})
    return figures, accepted, trial.compared(before, after, questions, kept)


def askable(aside: Sequence[Question], brains: Sequence[Pipeline], bench: Bench) -> int:
    """How many of the questions set aside there is time to ask both."""
    some = [q.request for q in aside[: asking.BATCH]]

    def ask() -> list[list[Explained]]:
        return [brain.explained(some) for brain in brains]

    return bench.planned("questions", lambda: plan.questions(ask, len(some), bench.order.minutes))


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
    seconds = plan.RECITING * 60 * order.minutes
    written = leaks.sampled(writer.unguarded(), prompts, order.seed, bench.progress, seconds=seconds)
    guard = Owned.load(bench.reply)
    served = [(prompt, text) for prompt, text in written if not guard.recited(text, prompt.texts)]
    spans = leaks.spans_recited(served, leaks.owned_by(shown))
    known = exposure.examine(
        bench.reply,
        taught.planted,
        control=control.kept(load_base(base, registry, seed=order.seed), bench.folder.parent, bench.progress),
        seed=order.seed,
        quick=order.minutes < FULL_TEST,
        device=order.device,
        progress=bench.progress,
    )
    return Leaks(
        recited=len(spans),
        sampled=len(written),
        held=len(written) - len(served),
        exposure=known.mean,
        limit=known.limit,
        produced=len(known.produced),
        planted=len(known.exposures),
        control=min(known.control, default=None),
        wanted=exposure.POWER,
    )


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
        "unread": taught.unread,
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
