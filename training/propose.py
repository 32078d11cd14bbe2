"""Ask people for verdicts: moments of the demo shop with candidates, to be judged by hand.

    python -m training.propose --part train --count 400 --out FILE

A person adds "send" to every line, one sign a candidate (1: an agent would send it as it is; 0: not),
and the file joins bot/demo/verdicts. Moments to train on find candidates in the other half of the
conversations only, so that no reply is proposed to its own moment. Trains nothing.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from nlp import slots
from nlp.generator import CANDIDATES
from nlp.ranking import Ranker
from nlp.registry import STARTER_FOLDER
from training.corpus import Dialogue
from training.dataset import MAX_TURNS
from training.evaluate_replies import explained
from training.questions import Question
from training.ranker import blank
from training.release import Bench, prepare

log = logging.getLogger(__name__)


def half(dialogue: Dialogue) -> int:
    """0 or 1 by the written conversation that a dialogue was made from."""
    return zlib.crc32(dialogue.origin.encode()) % 2


def proposals(bench: Bench, asked: Sequence[Question], *, drafts: int, found: int) -> Iterator[list[str]]:
    """Templates to be judged for each question: generated ones and retrieved ones, unranked."""
    brain = bench.pipeline(blank())
    if not drafts:
        yield from (group[:found] for group in brain.retrieved([q.request for q in asked]))
        return
    for made in explained(brain, asked):
        generated = [one.template for one in made.pool.candidates if one.source == "generated"]
        yield (
            generated[:drafts]
            + [one.template for one in made.pool.candidates if one.source != "generated"][:found]
        )


def suggested(bench: Bench, asked: Sequence[Question], shop: Path) -> Iterator[list[str]]:
    """The templates that an agent would be shown for each question, by the shop's own score."""
    for made in explained(bench.pipeline(Ranker.load(shop)), asked):
        yield [draft.template for draft in made.drafts]


def line(question: Question, templates: Sequence[str], rng: random.Random) -> dict[str, object]:
    """One line of the file, its candidates in random order."""
    turns = question.dialogue.turns[max(0, question.at - MAX_TURNS) : question.at]
    return {
        "moment": question.id,
        "turns": [slots.to_braces(text) for _, text in turns],
        "replies": [slots.to_braces(text) for text in rng.sample(list(templates), len(templates))],
    }


def of_train(bench: Bench, count: int, seed: int) -> Iterator[tuple[Bench, list[Question]]]:
    """About `count` moments of training conversations, each half with a bench that knows the other."""
    rng = random.Random(seed)
    for side in (0, 1):
        remembered = [d for d in bench.train if half(d) != side]
        asking = [d for d in bench.train if half(d) == side]
        rng.shuffle(asking)
        questions = bench.questions(asking[: count // 2])
        rng.shuffle(questions)
        yield bench.remembering(remembered), questions[: count // 2]


def main(argv: Sequence[str] | None = None) -> None:
    """Command line; progress on stderr."""
    parser = argparse.ArgumentParser(prog="python -m training.propose", description=__doc__)
    parser.add_argument(
        "--part",
        choices=("train", "dev", "test"),
        required=True,
        help="moments to learn from; held-out ones that fit the score; what is suggested at the others",
    )
    parser.add_argument("--count", type=int, default=400, help="moments")
    parser.add_argument("--drafts", type=int, default=CANDIDATES, help="generated candidates for each")
    parser.add_argument("--found", type=int, default=6, help="retrieved candidates for each")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--shop", type=Path, default=Path("bot/demo"))
    parser.add_argument("--folder", type=Path, default=STARTER_FOLDER)
    parser.add_argument("--work", type=Path, default=Path("build/starter"))
    parser.add_argument("--seed", type=int, default=17)
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    with arguments.out.open("w", encoding="utf-8") as file:
        for row in rows(arguments):
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def rows(arguments: argparse.Namespace) -> Iterator[dict[str, object]]:
    """The lines that were asked for."""
    rng = random.Random(arguments.seed)
    bench = prepare(arguments.shop, arguments.folder, arguments.work / "index", arguments.seed)
    if arguments.part == "test":
        asked = bench.test[: arguments.count]
        for question, templates in zip(asked, suggested(bench, asked, arguments.shop), strict=True):
            yield line(question, templates, rng)
        return
    groups = [(bench, bench.dev[: arguments.count])]
    if arguments.part == "train":
        groups = list(of_train(bench, arguments.count, arguments.seed))
    for part, asked in groups:
        found = proposals(part, asked, drafts=arguments.drafts, found=arguments.found)
        for question, templates in zip(asked, found, strict=True):
            yield line(question, templates, rng)
        log.info("%d moments", len(asked))


if __name__ == "__main__":
    main()
