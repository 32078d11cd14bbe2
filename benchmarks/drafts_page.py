"""A page of real drafts beside the true replies, for people to read (quality.py --drafts).

It quotes public conversations, so it is not kept.
"""

from __future__ import annotations

import html
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import learning

from nlp.memory import Knowledge
from nlp.pipeline import Pipeline
from nlp.registry import Version
from training import evaluate_replies


def page_of_drafts(data: Path, version: Version, count: int, seed: int, out: Path, models: Path) -> Path:
    """`count` moments of unseen ABCD and Bitext conversations with what would be suggested.

    By the versions that benchmarks/learning.py trained, where they are in `models`; else by `version`,
    with the conversations to learn from in its memory.
    """
    parts: list[str] = []
    for name in ("abcd", "bitext"):
        learn, ask = learning.parts(
            data / "conversations" / learning.SETS[name], learning.LEARNED, learning.ASKED
        )
        known = learning.kept_version(name, models)
        knowledge = None if known else Knowledge({}, (), list(evaluate_replies.items(learn)))
        brain = Pipeline.load(known or version, knowledge)
        moments = [(one, at) for one in ask for at in evaluate_replies.answers(one)]
        chosen = random.Random(seed).sample(moments, count // 2)
        questions = evaluate_replies.questions_of(chosen, brain)
        parts.append(f"<h2>{name}, version {html.escape(brain.version)}</h2>")
        for question, made in zip(questions, evaluate_replies.explained(brain, questions), strict=True):
            parts.append(moment(question.request.turns, question.truth, made.drafts))
    out.mkdir(parents=True, exist_ok=True)
    page = out / "drafts.html"
    style = (
        "body{font:15px/1.45 system-ui;max-width:60rem;margin:2rem auto} section{border-top:1px solid #ccc}"
    )
    page.write_text(
        f"<!doctype html><meta charset=utf-8><style>{style}</style>{''.join(parts)}", encoding="utf-8"
    )
    return page


def moment(turns: Sequence[Any], truth: str, drafts: Sequence[Any]) -> str:
    said = "".join(f"<p><b>{t.role}</b> {html.escape(t.text[:400])}</p>" for t in turns[-4:])
    offered = (
        "".join(f"<li>{d.score:.2f} {d.source}: {html.escape(d.text)}</li>" for d in drafts)
        or "<li>nothing</li>"
    )
    return f"<section>{said}<p><b>true reply</b> {html.escape(truth)}</p><ol>{offered}</ol></section>"
