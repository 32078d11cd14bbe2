"""The prompt of the reply model: conversation and evidence to token ids, and nothing else.

Control tokens are put in by id, never by text: whatever a person typed goes through the plain
tokeniser with special tokens switched off, so "<|agent|>" in a message is six ordinary characters.
Knows the tokeniser and the layout; knows no model and no retrieval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer
from transformers import GPT2Tokenizer

from nlp import slots
from nlp.errors import ModelError
from nlp.types import Role

END = "<|endoftext|>"
CUSTOMER, AGENT, NEAR, ARTICLE, INTENT = "<|customer|>", "<|agent|>", "<|near|>", "<|article|>", "<|intent|>"
MOODS = {
    "negative": "<|mood:negative|>",
    "neutral": "<|mood:neutral|>",
    "positive": "<|mood:positive|>",
}
CONTROL_TOKENS = (CUSTOMER, AGENT, NEAR, ARTICLE, INTENT, *MOODS.values())

NEAR_TOKENS = 48
ARTICLE_TOKENS = 48
TURN_TOKENS = 64
CONTEXT_TOKENS = 160
"""Most tokens that one neighbour, one article, one turn and all turns may take in a prompt."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model conditions on; all texts are templates (delexicalised)."""

    turns: Sequence[tuple[Role, str]]
    near: Sequence[str] = ()
    article: str = ""
    intent: str = ""
    mood: str = ""


class PromptCodec:
    """Templates and prompts to ids and back, for one tokeniser."""

    def __init__(self, tokenizer: GPT2Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._raw: Tokenizer = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
        self._raw.encode_special_tokens = True
        ids = self._raw.get_vocab(with_added_tokens=True)
        try:
            self.end = ids[END]
            self.control = {name: ids[name] for name in CONTROL_TOKENS}
            self.slot_ids = {name: ids[slots.token(name)] for name in slots.ALL_SLOTS}
        except KeyError as error:
            raise ModelError(
                f"the tokeniser of {tokenizer.name_or_path} lacks {error}; it was made for something else"
            ) from error
        self.vocabulary_size = len(tokenizer)
        self._slot_of_id = {number: name for name, number in self.slot_ids.items()}
        self._controls = frozenset([self.end, *self.control.values()])

    @classmethod
    def load(cls, folder: Path) -> PromptCodec:
        """Read the tokeniser of a model folder in Hugging Face layout; raises ModelError."""
        try:
            tokenizer = GPT2Tokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError) as error:
            raise ModelError(f"{folder.name} holds no readable GPT-2 tokeniser: {error}") from error
        return cls(tokenizer)

    def encode(self, template: str) -> list[int]:
        """A template to ids: slots to their own ids, everything else as ordinary text."""
        ids: list[int] = []
        for text, slot in slots.pieces(template):
            if slot is None:
                ids.extend(self._raw.encode(text, add_special_tokens=False).ids)
            else:
                ids.append(self.slot_ids[slot])
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Ids back to a template; control tokens are left out."""
        out: list[str] = []
        run: list[int] = []
        for number in ids:
            if number in self._slot_of_id:
                out.append(self._raw.decode(run, skip_special_tokens=False))
                out.append(slots.token(self._slot_of_id[number]))
                run = []
            elif number not in self._controls:
                run.append(number)
        out.append(self._raw.decode(run, skip_special_tokens=False))
        return "".join(out).strip()

    def prompt(self, prompt: Prompt) -> list[int]:
        """Ids of a whole prompt, ending with the agent token; the newest turns are kept."""
        ids: list[int] = [self.end]
        if prompt.article:
            ids += [self.control[ARTICLE], *self.encode(prompt.article)[:ARTICLE_TOKENS]]
        for near in prompt.near:
            ids += [self.control[NEAR], *self.encode(near)[:NEAR_TOKENS]]
        if prompt.intent:
            ids += [self.control[INTENT], *self.encode(prompt.intent.replace("_", " "))]
        if prompt.mood in MOODS:
            ids.append(self.control[MOODS[prompt.mood]])
        return ids + self._turns(prompt.turns) + [self.control[AGENT]]

    def _turns(self, turns: Sequence[tuple[Role, str]]) -> list[int]:
        kept: list[list[int]] = []
        room = CONTEXT_TOKENS
        for role, text in reversed(turns):
            marker = self.control[CUSTOMER if role == "customer" else AGENT]
            block = [marker, *self.encode(text)[:TURN_TOKENS]]
            if len(block) > room and kept:
                break
            kept.append(block)
            room -= len(block)
        return [number for block in reversed(kept) for number in block]

    def reply(self, template: str, limit: int) -> list[int]:
        """Ids of a reply to train on, ending with the end token; cut to `limit` ids in all."""
        return [*self.encode(template)[: limit - 1], self.end]
