"""What a round teaches: the matcher which reply answers what, and the reply model how its agents write.

Knows lessons, bases and trainers; judges only what it has to choose between.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from nlp.device import cores
from nlp.matcher import Matcher
from nlp.registry import Version
from training import leaks, plan, reworded
from training.bases import Base, save_reply_model
from training.bench import Bench
from training.finetune import TuneConfig, tune
from training.lessons import Shown, Taught, match_lessons
from training.matcher import Lesson, MatchConfig, fit_matcher, new_matcher, save_matcher

MATCHING = "teaching which reply answers what"


def taught_matcher(taught: Taught, parent: Version, bench: Bench) -> tuple[Matcher, dict[str, Any]]:
    """Which reply answers what, from the true ones; begins with the parent's matcher.

    Where the order says so, a second one learns from customers' turns in other words too, in half of the time
    each, and the better one stays; what was gained is returned as "augmentation".
    """
    order, lessons = bench.order, match_lessons(taught.lessons)
    runs = 2 if order.augment else 1
    steps = bench.planned(
        "matcher_steps", lambda: plan.matcher_steps(lessons, parent, order.minutes / runs, order.seed)
    )
    teach = partial(_teach, taught=taught, parent=parent, bench=bench, steps=steps)
    if not order.augment:
        return teach(lessons, bench.folder / "matcher", bench.reply, MATCHING), {}
    more = reworded.lessons(
        taught.lessons,
        order.augment,
        order.seed,
        plan.TRANSLATION_SHARE * 60 * order.minutes,
        bench.planned,
    )
    plain, other = bench.folder / "taught" / "plain", bench.folder / "taught" / "reworded"
    found = reworded.compared(
        teach(lessons, bench.folder / "matcher", plain, MATCHING),
        teach([*lessons, *more], bench.folder / "matcher-reworded", other, f"{MATCHING}, in other words"),
        taught.aside,
        bench.reader.encoder.embed,
        order.seed,
    )
    bench.reply.mkdir(parents=True, exist_ok=True)
    for part in (other if found.better else plain).iterdir():
        (bench.reply / part.name).write_bytes(part.read_bytes())
    facts = found.told(order.augment, len(lessons), len(more))
    return Matcher.load(bench.reply, order.device), {"augmentation": facts}


def _teach(
    lessons: Sequence[Lesson],
    state: Path,
    out: Path,
    what: str,
    *,
    taught: Taught,
    parent: Version,
    bench: Bench,
    steps: int,
) -> Matcher:
    """One matcher, written to `out`; `state` keeps what is half done."""
    order = bench.order
    model, codec = new_matcher(order.seed, parent.reply)
    fit_matcher(
        model,
        codec,
        [lessons],
        [],
        MatchConfig(steps=steps, seed=order.seed, threads=cores(), checkpoint_every=20),
        checkpoint=state,
        validation=match_lessons(taught.aside),
        progress=partial(bench.progress, what),
    )
    save_matcher(model, out)
    return Matcher.load(out, order.device)


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
