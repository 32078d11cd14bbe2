"""Conversations as training sees them: sources in, delexicalised turns out.

Reads the written corpus of the demo shop and files in the uniform conversation format. Knows
nothing of models; what becomes an example is decided in `training.dataset`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nlp import slots
from nlp.types import Role
from training.files import conversation_row, rows

TurnPair = tuple[Role, str]


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One conversation of templates.

    `origin` names the written conversation that it was made from: variants of one origin never
    serve each other as retrieved neighbours, and never sit on both sides of a split.
    """

    id: str
    origin: str
    turns: tuple[TurnPair, ...]
    intent: str = ""
    mood: str = ""
    held_out: bool = False


@dataclass(frozen=True, slots=True)
class IntentFile:
    """The written material of one intent of the demo shop."""

    intent: str
    about: str
    phrasings: tuple[str, ...]
    replies: tuple[str, ...]
    dialogues: tuple[Dialogue, ...]

    def joined(self, more: Sequence[Dialogue]) -> IntentFile:
        """The same intent with more conversations."""
        return replace(self, dialogues=(*self.dialogues, *more))


_NEGATIVE = frozenset(
    """
    angry frustrated furious annoyed sarcastic upset worried anxious sad impatient panicked sceptical
    """.split()
)
_POSITIVE = frozenset("happy grateful pleased cheerful warm hopeful".split())


def mood_class(written: str) -> str:
    """The reading's class for a mood word of the written corpus."""
    if written in _NEGATIVE:
        return "negative"
    return "positive" if written in _POSITIVE else "neutral"


def read_shop(folder: Path) -> list[IntentFile]:
    """All intent files below `folder`/intents, in name order.

    Raises ValueError naming the file where one is not of the documented form.
    """
    files = []
    for path in sorted((folder / "intents").glob("*.json")):
        try:
            files.append(_intent_file(json.loads(path.read_text(encoding="utf-8"))))
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"{path.name}: not an intent file ({error!r})") from error
    if not files:
        raise ValueError(f"no intent files below {folder / 'intents'}")
    return files


def read_everyday(folder: Path) -> dict[str, list[Dialogue]]:
    """The plain conversations below `folder`/everyday by intent; none of them is held out.

    Raises ValueError naming the file where one is not of the documented form.
    """
    found: dict[str, list[Dialogue]] = {}
    for path in sorted((folder / "everyday").glob("*.json")):
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            found[raw["intent"]] = [_written(raw["intent"], c) for c in raw["conversations"]]
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"{path.name}: not a file of conversations ({error!r})") from error
    return found


def read_articles(folder: Path) -> list[tuple[str, str]]:
    """Title and body (templates) of the help articles below `folder`/articles, in name order."""
    out = []
    for path in sorted((folder / "articles").glob("*.md")):
        title, _, body = path.read_text(encoding="utf-8").partition("\n")
        out.append((title.removeprefix("#").strip(), slots.from_braces(body.strip())))
    return out


def _intent_file(raw: dict[str, object]) -> IntentFile:
    intent = str(raw["intent"])
    conversations = raw["conversations"]
    assert isinstance(conversations, list)
    return IntentFile(
        intent=intent,
        about=str(raw.get("about", "")),
        phrasings=_templates(raw["phrasings"]),
        replies=_templates(raw["replies"]),
        dialogues=tuple(_written(intent, c) for c in conversations),
    )


def _templates(texts: object) -> tuple[str, ...]:
    assert isinstance(texts, list)
    return tuple(slots.from_braces(str(text)) for text in texts)


def _written(intent: str, raw: dict[str, object]) -> Dialogue:
    texts = _templates(raw["turns"])
    roles: tuple[Role, Role] = ("customer", "agent")
    turns = tuple((roles[i % 2], text) for i, text in enumerate(texts))
    name = str(raw["id"])
    return Dialogue(
        id=name,
        origin=name,
        turns=turns,
        intent=intent,
        mood=mood_class(str(raw.get("mood", ""))),
        held_out=bool(raw.get("held_out")),
    )


def read_conversations(path: Path, delexicalise: Callable[[str], str]) -> Iterator[Dialogue]:
    """Stream a uniform conversations file (JSON lines, gzip allowed) as dialogues; raises BadFile."""
    for one in rows(path, conversation_row):
        turns = tuple((turn.role, delexicalise(turn.text)) for turn in one.turns)
        yield Dialogue(id=one.id, origin=one.id, turns=turns)


def train_part(dialogues: Sequence[Dialogue]) -> list[Dialogue]:
    """Those that are not held out."""
    return [d for d in dialogues if not d.held_out]


def renamed(dialogue: Dialogue, suffix: str, turns: Sequence[TurnPair]) -> Dialogue:
    """A variant of a dialogue under its own id and the same origin."""
    return replace(dialogue, id=f"{dialogue.id}~{suffix}", turns=tuple(turns))
