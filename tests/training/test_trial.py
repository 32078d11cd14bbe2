"""Champion and candidate, really loaded, over the same questions: a planted worse one is seen and refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nlp.generator import Generator
from nlp.matcher import Matcher
from nlp.memory import Knowledge, build_index
from nlp.pipeline import Pipeline
from nlp.prompts import Prompt
from nlp.ranking import Ranker
from nlp.reading import Reader
from nlp.recall import Recall
from nlp.registry import STARTER_FOLDER, verify
from nlp.types import Turn
from tests.training.test_gate import CLEAN
from training import evaluate_replies as asking
from training.files import Conversation
from training.gate import decide
from training.leaks import spans_recited
from training.replies import Judge
from training.trial import answers, compared, groups, side

ASKED = (
    ("Where is my {} ?", "Your {} is with the courier and comes tomorrow."),
    ("I want to send the {} back", "You can return the {} within thirty days, I have sent you a label."),
    ("Is the {} in stock again?", "The {} will be in stock again next week."),
    ("The {} arrived broken!", "I am very sorry that the {} is broken. Shall we replace it?"),
    ("Can I pay for the {} in instalments?", "Yes, the checkout offers three monthly payments."),
    ("Please cancel the {}", "I have cancelled it, and the money is on its way to you."),
    ("How heavy is the {}?", "It weighs about four kilos with its box."),
    ("Do you ship the {} to Norway?", "We do, and customs are included in the price that you see."),
    ("I need an invoice for the {}", "Here it is, I have attached it as a document."),
    ("Your advert for the {} keeps popping up, stop it", "I have taken you off our list, sorry for that."),
)
THINGS = "lamp chair table shelf mirror rug clock vase basket frame stool tray bench desk sofa".split()


def conversation(number: int) -> Conversation:
    asked, answered = ASKED[number % len(ASKED)]
    thing = THINGS[number // len(ASKED) % len(THINGS)]
    turns = (Turn("customer", asked.format(thing)), Turn("agent", answered.format(thing)))
    return Conversation(f"c{number}", turns)


def mixed_up(everything: list[Conversation]) -> list[Conversation]:
    """The same, each with the answer of another kind of question."""
    answers_of = [one.turns[1] for one in everything]
    return [replace(one, turns=(one.turns[0], answers_of[at - 1])) for at, one in enumerate(everything)]


@pytest.mark.slow
def test_a_worse_candidate_is_seen_and_refused(tmp_path: Path) -> None:
    version = verify(STARTER_FOLDER)
    reader, matcher = Reader.load(version.heads), Matcher.load(version.reply)
    everything = [conversation(number) for number in range(60)]
    questions = asking.all_questions(everything[:52], reader)
    writer, score = Generator.load(version.reply), Ranker.load(version.reply)
    brains = []
    for name, taught in (("right", everything), ("wrong", mixed_up(everything))):
        knowledge = Knowledge({}, (), list(asking.items(taught)))
        recall = Recall(build_index(knowledge, reader, cache=tmp_path / name), matcher)
        brains.append(Pipeline(name, reader, writer, matcher, score, recall, ()))
    told: list[int] = []
    both = answers(brains, questions, told.append)
    assert told[-1] == len(questions)
    sides = []
    for brain, given in zip(brains, both, strict=True):
        assert (given.seconds > 0).all() and len(given.found) == len(questions)
        sides.append(side(brain, questions, given, Judge(questions, reader.encoder.embed), 17))
    kept = range(len(questions))
    verdict = decide(compared(sides[0], sides[1], questions, kept), CLEAN, 17)
    assert not verdict.passed
    assert any(reason.startswith("not better beyond chance") for reason in verdict.reasons)
    assert sides[1].similarity.mean() < sides[0].similarity.mean() - 0.05
    assert "groups" in {check.name for check in verdict.checks if not check.passed}
    assert {"opening", "mood neutral"} <= set(groups(questions))


def test_what_stands_in_the_prompt_is_not_recited() -> None:
    text = "your parcel waits for you at the baker on the corner of mill lane"
    owned = dict.fromkeys([" ".join(text.split()[at : at + 8]) for at in range(7)], "c1")
    asked = [("customer", "Where is it?")]
    assert spans_recited([(Prompt(asked, [text]), text)], owned) == set()  # type: ignore[arg-type]
    assert len(spans_recited([(Prompt(asked), text)], owned)) == len(owned)  # type: ignore[arg-type]
