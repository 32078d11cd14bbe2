"""The prompt of the reply model: conversation and evidence to token ids, and nothing else.

Control tokens are put in by id, never by text: whatever a person typed goes through the plain
tokeniser with special tokens switched off, so "<|agent|>" in a message is six ordinary characters.
A prompt leaves room for the reply in the model's positions. Knows the tokeniser and the layout; knows
no weights and no retrieval.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from transformers import PreTrainedTokenizerFast

from nlp import slots
from nlp.errors import ModelError
from nlp.tokens import TextCodec, read_tokenizer, save_tokenizer
from nlp.types import Role

END = "<|endoftext|>"
CUSTOMER, AGENT, NEAR, ARTICLE, INTENT = "<|customer|>", "<|agent|>", "<|near|>", "<|article|>", "<|intent|>"
MOODS = {
    "negative": "<|mood:negative|>",
    "neutral": "<|mood:neutral|>",
    "positive": "<|mood:positive|>",
}
CONTROL_TOKENS = (CUSTOMER, AGENT, NEAR, ARTICLE, INTENT, *MOODS.values())
ALL_TOKENS = (END, *CONTROL_TOKENS, *(slots.token(slot) for slot in slots.ALL_SLOTS))
"""What a tokeniser must know beside plain text."""

NEAR_TOKENS = 48
ARTICLE_TOKENS = 48
TURN_TOKENS = 64
CONTEXT_TOKENS = 160
"""Most tokens that one neighbour, one article, one turn and all turns may take in a prompt."""
INTENT_TOKENS = 16
REPLY_TOKENS = 64
"""Positions that a prompt leaves free for the reply: half of them where a model has fewer than 128."""
POSITIONS = 512
"""Of a tokeniser that has no model beside it."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model conditions on; all texts are templates (delexicalised)."""

    turns: Sequence[tuple[Role, str]]
    near: Sequence[str] = ()
    article: str = ""
    intent: str = ""
    mood: str = ""

    @property
    def texts(self) -> list[str]:
        """All that the model is shown of what people wrote."""
        return [*(text for _, text in self.turns), *self.near, self.article]


class PromptCodec:
    """Templates and prompts to ids and back, for one tokeniser and a number of positions."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, positions: int = POSITIONS) -> None:
        self._tokenizer = tokenizer
        self._text = TextCodec(tokenizer)
        ids = self._text.vocabulary
        try:
            self.end = ids[END]
            self.control = {name: ids[name] for name in CONTROL_TOKENS}
            self.slot_ids = {name: ids[slots.token(name)] for name in slots.ALL_SLOTS}
        except KeyError as error:
            raise ModelError(
                f"the tokeniser of {tokenizer.name_or_path} lacks {error}; it was made for something else"
            ) from error
        self.vocabulary_size = max(ids.values()) + 1
        self.reply_room = min(REPLY_TOKENS, positions // 2)
        self._prompt_room = positions - self.reply_room
        self._slot_of_id = {number: name for name, number in self.slot_ids.items()}
        special = self._text.special | {self.end, *self.control.values()}
        self._silent = special - self._slot_of_id.keys()
        self.never_said = self._silent - {self.end}
        """Ids that no reply may hold."""
        if any(ids[name] in self._text.encode(name) for name in ALL_TOKENS):
            raise ModelError(
                f"the tokeniser of {tokenizer.name_or_path} can't tell typed text from control tokens; "
                "choose a base with a byte-level or word-piece tokeniser"
            )

    @classmethod
    def load(cls, folder: Path) -> PromptCodec:
        """Read the tokeniser of a model folder in Hugging Face layout; raises ModelError."""
        return cls(read_tokenizer(folder), _positions(folder / "config.json"))

    @property
    def tokenizer(self) -> PreTrainedTokenizerFast:
        """What is below, for trainers that ask for one; text goes through `encode`."""
        return self._tokenizer

    def save(self, folder: Path) -> None:
        """Write the tokeniser's files into a model folder."""
        save_tokenizer(self._tokenizer, folder)

    def encode(self, template: str) -> list[int]:
        """A template to ids: slots to their own ids, everything else as ordinary text."""
        ids: list[int] = []
        for text, slot in slots.pieces(template):
            if slot is None:
                ids.extend(self._text.encode(text))
            else:
                ids.append(self.slot_ids[slot])
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Ids back to a template; control tokens, and what the tokeniser had no token for, are left out."""
        out: list[str] = []
        run: list[int] = []
        for number in ids:
            if number in self._slot_of_id:
                out.append(self._text.decode(run))
                out.append(slots.token(self._slot_of_id[number]))
                run = []
            elif number not in self._silent:
                run.append(number)
        out.append(self._text.decode(run))
        return self._text.joined(out).strip()

    def prompt(self, prompt: Prompt) -> list[int]:
        """Ids of a whole prompt, ending with the agent token.

        The newest turns are kept; evidence fills what they leave, the first neighbour before the others.
        """
        room = self._prompt_room - 2
        turns = self._turns(prompt.turns, min(CONTEXT_TOKENS, room - room // 3))
        reading = self._reading(prompt)
        room -= len(turns)
        reading = reading if len(reading) <= room else []
        evidence = self._evidence(prompt, room - len(reading))
        return [self.end, *evidence, *reading, *turns, self.control[AGENT]]

    def _evidence(self, prompt: Prompt, room: int) -> list[int]:
        article = [[self.control[ARTICLE], *self.encode(prompt.article)[:ARTICLE_TOKENS]]]
        near = [[self.control[NEAR], *self.encode(text)[:NEAR_TOKENS]] for text in prompt.near]
        blocks = [*(article if prompt.article else []), *near]
        # The nearest reply is worth most; what fits stays in the order of the prompt.
        by_worth = sorted(range(len(blocks)), key=lambda at: (blocks[at] is not (near or article)[0], at))
        kept: list[int] = []
        for at in by_worth:
            if len(blocks[at]) <= room:
                room -= len(blocks[at])
                kept.append(at)
        return [number for at in sorted(kept) for number in blocks[at]]

    def _reading(self, prompt: Prompt) -> list[int]:
        """Intent and mood."""
        ids: list[int] = []
        if prompt.intent:
            ids += [self.control[INTENT], *self.encode(prompt.intent.replace("_", " "))[:INTENT_TOKENS]]
        if prompt.mood in MOODS:
            ids.append(self.control[MOODS[prompt.mood]])
        return ids

    def _turns(self, turns: Sequence[tuple[Role, str]], room: int) -> list[int]:
        kept: list[list[int]] = []
        for role, text in reversed(turns):
            marker = self.control[CUSTOMER if role == "customer" else AGENT]
            block = [marker, *self.encode(text)[:TURN_TOKENS]]
            if len(block) > room and kept:
                break
            kept.append(block[:room])
            room -= len(block)
        return [number for block in reversed(kept) for number in block]

    def reply(self, template: str, limit: int) -> list[int]:
        """Ids of a reply to train on, ending with the end token; cut to `limit` ids, or to its room."""
        said = [number for number in self.encode(template) if number not in self.never_said]
        return [*said[: min(limit, self.reply_room) - 1], self.end]


def _positions(config: Path) -> int:
    """How many positions the model of a folder has."""
    if not config.exists():
        return POSITIONS
    try:
        return int(json.loads(config.read_text(encoding="utf-8"))["n_positions"])
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{config.parent.name}: config.json names no n_positions; it is no GPT-2") from error
