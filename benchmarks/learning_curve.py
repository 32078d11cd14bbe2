"""Suggestions get better as agents review: real conversations replayed in order, retrained on the way.

    python benchmarks/learning_curve.py [--data DIR] [--only SET] [--minutes 10] [--work DIR] [--quick]

A shop begins with the starter and an empty memory. Its conversations come in the order of the file; an agent
made of a rule (simulated_agent.py) accepts, edits or rejects what the version of the day suggests, and what
they sent is what the next round learns from. After 50, 200, 500 and all conversations a round is taught, and
each version is asked about the same later conversations, which no round ever saw. Beside it stands plain
retrieval over the same memory. A run that was stopped goes on where it stood.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from harness import kept_rows, say, told, write_result
from numpy.typing import NDArray
from simulated_agent import Decision, decide

from nlp import slots
from nlp.memory import Knowledge
from nlp.pipeline import Pipeline
from nlp.ranking import Ranker
from nlp.registry import STARTER, Registry
from training import evaluate_replies as asking
from training import files, trial
from training.files import Conversation
from training.gate import gain
from training.questions import Question
from training.ranker import blank, fit_to_truths
from training.round import Order, teach

SETS = {
    "abcd": "en_abcd_retail_chat.jsonl",
    "bitext": "en_bitext_request_reply.jsonl.gz",
    "multiwoz": "en_multiwoz_info_desk.jsonl",
}
STAGES, QUICK_STAGES = (50, 200, 500), (50, 200)
UNSEEN, ASKED, QUICK_ASKED = 150, 400, 100
"""Conversations at the end that are never learned from, and the most of their replies that are asked for."""
SHOWN, QUICK_SHOWN = 0.5, 0.15
"""Share of the replies for which the agent looks at suggestions; the others are typed without."""
SEED = 17
Rows = list[dict[str, Any]]
Shown = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Size:
    """How much of a set is replayed and asked about."""

    stages: tuple[int, ...]
    asked: int
    shown: float
    minutes: float


@dataclass(frozen=True, slots=True)
class Shop:
    """A set on its way: what comes in, what is asked about at every stage, and where the work lies."""

    name: str
    log: Sequence[Conversation]
    unseen: Sequence[Conversation]
    size: Size
    folder: Path

    @property
    def registry(self) -> Registry:
        """Holds the starter alone."""
        return Registry(self.folder / "models")


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="benchmarks/learning_curve.py", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of the public sets")
    parser.add_argument("--only", choices=list(SETS), action="append", help="this set alone")
    parser.add_argument("--minutes", type=float, default=10.0, help="to teach for at each stage")
    parser.add_argument("--work", type=Path, default=Path("build/learning_curve"), help="what is half done")
    parser.add_argument(
        "--quick", action="store_true", help="200 conversations of one set, a quarter of an hour"
    )
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(argv)
    folder = chosen.data / "conversations"
    if not folder.is_dir():
        say(f"learning curve: not measured: no folder of public sets at {chosen.data}; say --data DIR")
        return 0
    names = chosen.only or (["abcd"] if chosen.quick else list(SETS))
    size = Size(STAGES, ASKED, SHOWN, chosen.minutes)
    if chosen.quick:
        size = Size(QUICK_STAGES, QUICK_ASKED, QUICK_SHOWN, 2.0)
    rows: Rows = []
    for name in names:
        work = chosen.work / (f"{name}-quick" if chosen.quick else name)
        rows += replayed(shop(name, folder / SETS[name], size, work))
    claim = "learning_curve_quick" if chosen.quick else "learning_curve"
    result = write_result(claim, [*kept_rows(claim, "set", names), *rows], verdict(rows))
    return told(result, chosen.json)


def shop(name: str, path: Path, size: Size, folder: Path) -> Shop:
    """A set, the last UNSEEN conversations of the file kept apart, or a fifth of a small one."""
    found = list(asking_only(files.rows(path, files.conversation_row)))
    kept = min(UNSEEN, len(found) // 5)
    log, unseen = found[:-kept], found[-kept:]
    stages = tuple(one for one in size.stages if one < len(log))
    if size.stages == STAGES:
        stages = (*stages, len(log))
    folder.mkdir(parents=True, exist_ok=True)
    return Shop(name, log, unseen, replace(size, stages=stages), folder)


def asking_only(found: Any) -> list[Conversation]:
    """Those in which an agent answers."""
    return [one for one in found if asking.answers(one)]


def replayed(one: Shop) -> Rows:
    """A row for each stage, from none to the last."""
    rows: Rows = []
    for at, reviewed in enumerate((0, *one.size.stages)):
        note = one.folder / f"stage-{reviewed}.json"
        if not note.exists():
            began = time.monotonic()
            brain = starting(one) if reviewed == 0 else taught(one, reviewed)
            row = measured(one, reviewed, brain)
            row["minutes"] = round((time.monotonic() - began) / 60, 1)
            if at < len(one.size.stages):
                go_on(one, reviewed, one.size.stages[at], brain)
            note.write_text(json.dumps(row))
        rows.append(json.loads(note.read_text()))
        say(rows[-1])
    return rows


# --- the shop at work ---


def starting(one: Shop) -> Pipeline:
    """The starter, with nothing to remember."""
    return Pipeline.load(one.registry.get(STARTER), Knowledge({}, (), []))


def taught(one: Shop, reviewed: int) -> Pipeline:
    """The version that a round makes of the log as it is by now."""
    order = Order((logged(one, reviewed),), minutes=one.size.minutes, seed=SEED)
    pupil = teach(order, one.registry, one.folder / f"round-{reviewed}", progress)
    bench = pupil.bench
    learned = bench.brain(bench.reply, remembered(pupil.taught.learned), blank())
    (found,) = trial.answers((learned,), pupil.taught.aside, lambda _: None)
    truths = learned.reader.encoder.embed([slots.spoken(q.truth) for q in pupil.taught.aside])
    score: Ranker = fit_to_truths([answer.pool for answer in found.found], truths)
    score.save(bench.reply)
    return bench.brain(bench.reply, remembered(pupil.taught.everything), score)


def remembered(conversations: Sequence[Conversation]) -> Knowledge:
    """All replies of the conversations."""
    return Knowledge({}, (), list(asking.items(conversations)))


def logged(one: Shop, reviewed: int) -> Path:
    """The log after so many conversations."""
    return one.folder / f"log-{reviewed}.jsonl"


def go_on(one: Shop, begin: int, end: int, brain: Pipeline) -> None:
    """Work through the conversations up to `end` with this version, and keep what was sent."""
    rng = random.Random(f"{SEED}/{begin}")
    came = one.log[begin:end]
    looked = {(c.id, at) for c in came for at in asking.answers(c) if rng.random() < one.size.shown}
    asked = [q for q in asking.all_questions(came, brain.reader) if (q.dialogue.id, q.at) in looked]
    shown = [[d.text for d in answer.drafts] for answer in asking.explained(brain, asked, progress)]
    done = decided(came, asked, shown, brain)
    sent = {(q.dialogue.id, q.at): decision for q, decision in zip(asked, done, strict=True)}
    earlier = logged(one, begin).read_text() if begin else ""
    lines = [json.dumps(as_row(c, sent)) + "\n" for c in came]
    logged(one, end).write_text(earlier + "".join(lines))


def as_row(one: Conversation, sent: Mapping[tuple[str, int], Decision]) -> dict[str, Any]:
    """A conversation in the uniform format, with what the agent sent and how it came about."""
    origin = {"accepted": "accepted", "edited": "edited", "rejected": "person"}
    turns = []
    for at, turn in enumerate(one.turns):
        row = {"role": turn.role, "text": turn.text}
        if turn.role == "agent":
            decision = sent.get((one.id, at))
            row |= (
                {"text": decision.sent, "origin": origin[decision.deed]} if decision else {"origin": "person"}
            )
        turns.append(row)
    return {"conversation_id": one.id, "turns": turns}


# --- what it is worth ---


def measured(one: Shop, reviewed: int, brain: Pipeline) -> dict[str, Any]:
    """What the agent would do with the suggestions for the unseen part, and with plain retrieval's."""
    asked = asking.all_questions(one.unseen, brain.reader)
    asked = random.Random(SEED).sample(asked, min(one.size.asked, len(asked)))
    ours = [[d.text for d in answer.drafts] for answer in asking.explained(brain, asked, progress)]
    plain = [
        [slots.relexicalise(text, q.request.values, q.request.facts).text for text in group]
        for q, group in zip(asked, brain.plain([q.request for q in asked], 3), strict=True)
    ]
    of = [q.dialogue.id for q in asked]
    mine, other = (decided(one.unseen, asked, shown, brain) for shown in (ours, plain))
    row: dict[str, Any] = {"set": one.name, "reviewed": reviewed, "n": len(asked)}
    for what, figure in FIGURES.items():
        values, floor = (np.array([figure(d) for d in side], np.float64) for side in (mine, other))
        row[what] = interval(values, of)
        row[f"{what}, retrieval only"] = interval(floor, of)
        row[f"{what}, gain"] = interval(values, of, floor)
    return row


FIGURES = {
    "accepted": lambda d: float(d.deed == "accepted"),
    "edited": lambda d: float(d.deed == "edited"),
    "edit distance": lambda d: d.distance,
    "keys saved": lambda d: d.saved,
}


def interval(
    values: NDArray[np.float64], of: Sequence[str], floor: NDArray[np.float64] | None = None
) -> list[float]:
    """[mean, low, high], by a bootstrap over conversations; of the difference where a floor is given."""
    found = gain(np.zeros(len(values)) if floor is None else floor, values, of, SEED)
    return [round(end, 3) for end in (found.mean, found.low, found.high)]


def decided(
    conversations: Sequence[Conversation], asked: Sequence[Question], shown: Shown, brain: Pipeline
) -> list[Decision]:
    """The agent's decision about each question, by what was really written."""
    said = {one.id: one for one in conversations}
    truths = [said[q.dialogue.id].turns[q.at].text for q in asked]
    texts = list(dict.fromkeys([*truths, *(text for group in shown for text in group)]))
    vectors = dict(zip(texts, brain.reader.encoder.embed(texts), strict=True))
    return [
        decide(truth, group[:3], vectors[truth], np.array([vectors[text] for text in group[:3]]))
        for truth, group in zip(truths, shown, strict=True)
    ]


def verdict(rows: Rows) -> dict[str, dict[str, Any]]:
    """Does acceptance rise, and is it above retrieval at the end? Of each set."""
    out: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(row["set"] for row in rows):
        mine = [row for row in rows if row["set"] == name]
        first, last = mine[0], mine[-1]
        risen = round(last["accepted"][0] - first["accepted"][0], 3)
        out[f"{name}: acceptance rises by"] = {"value": risen, "aim": "> 0", "ok": risen > 0}
        for what in ("accepted", "keys saved"):
            above = last[f"{what}, gain"]
            out[f"{name}: {what}, above retrieval only at the end (95 % interval)"] = {
                "value": above,
                "aim": "> 0",
                "ok": above[0] > 0,
            }
    return out


def progress(what: str, done: int, total: int) -> None:
    """A line now and then."""
    if done == total or done % 20 == 0:
        say(f"{what}: {done} of {total}")


if __name__ == "__main__":
    raise SystemExit(main())
