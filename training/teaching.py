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
from nlp.prompts import Prompt, PromptCodec
from nlp.recitation import Owned
from nlp.registry import Version
from training import leaks, plan, preference, reworded
from training.bases import Base, save_reply_model
from training.bench import Bench
from training.dataset import REPLY_TOKENS
from training.finetune import TuneConfig, tune
from training.ledger import Drafts, preferences
from training.lessons import Shown, Taught, match_lessons
from training.matcher import Lesson, MatchConfig, fit_matcher, new_matcher, save_matcher
from training.questions import Question

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
        plan.TRANSLATING * 60 * order.minutes,
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


def tune_reply_model(
    shown: Shown, taught: Taught, matcher: Matcher, base: Base, bench: Bench
) -> tuple[list[dict[str, float]], dict[str, Any]]:
    """Adapt the reply model to what these agents wrote and preferred, and unlearn what it recites.

    Returns the log rows, and what came of the preferences as "preference".
    """
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
    preferred = tune_by_preferences(shown, taught, matcher, base, bench)
    if not base.low_rank:
        leaks.unlearn(base.model, base.codec, shown, examples, order.seed)
    save_reply_model(base.model, base.codec, bench.reply)
    Owned.of(leaks.owned_by(shown)).save(bench.reply)
    return rows, {"preference": preferred}


def tune_by_preferences(
    shown: Shown, taught: Taught, matcher: Matcher, base: Base, bench: Bench
) -> dict[str, Any]:
    """Make what agents wrote likelier than the drafts that they changed or rejected, where there are enough.

    What comes of it is kept where, of what was set aside, the preferred replies are preferred more and the
    loss on agents' words has not risen beyond its bound. Returns what a version says of it.
    """
    order = bench.order
    pairs = pairs_of(shown, taught.lessons, taught.drafts, base.codec)
    facts = {"pairs": len(pairs), "needed": preference.FEWEST_PAIRS, "kept": False}
    if why := preference.why_not(len(pairs)):
        return {**facts, "why": why}
    steps = bench.planned("preference_steps", lambda: plan.preference_steps(pairs, base, order.minutes))
    rate = preference.RATES["low-rank" if base.low_rank else "whole"]
    made = preference.prefer(
        base.model,
        base.codec,
        pairs,
        preference.PreferConfig(steps, order.seed, rate, threads=cores()),
        checkpoint=bench.folder / "preference",
        progress=partial(bench.progress, "learning what agents prefer"),
    )
    apart = Shown.of(taught.aside, bench.reader, matcher)
    unseen = pairs_of(apart, taught.aside, taught.drafts, base.codec)
    held = apart.examples(base.codec, order.seed, augment=False)
    found = preference.effect(base.model, made, held, unseen or pairs)
    if not found.bad:
        preference.take(base.model, made)
    return {**facts, "kept": not found.bad, "why": found.bad, "unseen": len(unseen), **found.told()}


def pairs_of(
    shown: Shown, questions: Sequence[Question], drafts: Drafts, codec: PromptCodec
) -> list[preference.Pair]:
    """What agents preferred to what, behind the prompt that the reply model would see there."""
    found = []
    for at, draft in preferences(questions, drafts):
        one = shown.moments[at]
        prompt = Prompt(one.turns, shown.near[at], intent=one.dialogue.intent, mood=one.dialogue.mood)
        chosen, rejected = (tuple(codec.reply(text, REPLY_TOKENS)) for text in (one.reply, draft))
        if chosen != rejected:
            found.append(preference.Pair(tuple(codec.prompt(prompt)), chosen, rejected))
    return found
