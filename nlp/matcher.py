"""Conversations and replies as vectors of one space: near where the reply is what an agent would say.

The sentence encoder with low-rank changes to its layers (`training.matcher`), run once over the
conversation and once over each reply; the vectors of remembered replies are kept. Knows templates
and token ids; knows no index and no score.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Container, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor

from nlp import slots
from nlp.batches import mean_of, padded
from nlp.context import WIDTH, Turns
from nlp.errors import ModelError
from nlp.minilm import load_tokenizer
from nlp.tuned import TunedEncoder

log = logging.getLogger(__name__)

FILE = "matcher.safetensors"
CACHE_FILE = "answers.safetensors"
CONTEXT_TOKENS = 96
"""Tokens of the conversation that are read, the newest; an older turn goes first."""
TURN_TOKENS = 56
REPLY_TOKENS = 64
TURNS = 4
BUCKET = 16
"""Rows of one forward pass, sorted by length: measured, a training step of 64 pairs is a sixth faster so than
with 32, and a third faster than with 64; the layers' states then stay in the cache."""
CONVERSATION, REPLY = 0, 1
"""What a text is; the encoder's token type."""

Vectors = NDArray[np.float32]


class MatchCodec:
    """Templates to token ids: [CLS] text [SEP]."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        vocabulary = tokenizer.get_vocab()
        self._first, self._last = vocabulary["[CLS]"], vocabulary["[SEP]"]

    def conversation(self, turns: Turns) -> list[int]:
        """The newest turns, each behind the word for who speaks."""
        blocks = [self._ids(f"{role}: {slots.spoken(text)}")[:TURN_TOKENS] for role, text in turns[-TURNS:]]
        kept: list[int] = []
        for block in reversed(blocks):
            if kept and len(kept) + len(block) > CONTEXT_TOKENS:
                break
            kept = block + kept
        return [self._first, *kept, self._last]

    def reply(self, template: str) -> list[int]:
        """A reply, cut to REPLY_TOKENS."""
        return [self._first, *self._ids(slots.spoken(template))[:REPLY_TOKENS], self._last]

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)


class MatchModel(torch.nn.Module):
    """The encoder; its vectors are the mean of its last states, of unit length."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = TunedEncoder()

    def forward(self, rows: Sequence[Sequence[int]], kind: int) -> Tensor:
        """Unit vectors (n, WIDTH), float32, of n rows of token ids that are all of one kind."""
        order = sorted(range(len(rows)), key=lambda at: len(rows[at]))
        parts = [
            self._pooled([rows[at] for at in order[start : start + BUCKET]], kind)
            for start in range(0, len(order), BUCKET)
        ]
        back = torch.empty(len(order), dtype=torch.long)
        back[torch.tensor(order)] = torch.arange(len(order))
        return torch.nn.functional.normalize(torch.cat(parts), dim=1)[back]

    def _pooled(self, rows: Sequence[Sequence[int]], kind: int) -> Tensor:
        ids, mask = padded(rows, next(self.encoder.parameters()).device)
        return mean_of(self.encoder(ids, mask, kind=kind), mask)


class Matcher:
    """A loaded matcher. One thread calls it."""

    def __init__(self, model: MatchModel, codec: MatchCodec, digest: str) -> None:
        self._model, self._codec, self._digest = model, codec, digest

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> Matcher:
        """Read `matcher.safetensors` and add its changes to the encoder's weights; raises ModelError."""
        model = MatchModel()
        try:
            model.encoder.serve(device, read_changes(folder))
            digest = hashlib.sha256((folder / FILE).read_bytes()).hexdigest()
        except (KeyError, RuntimeError) as error:
            raise _unreadable(folder) from error
        return cls(model, MatchCodec(load_tokenizer()), digest)

    def conversations(self, conversations: Sequence[Turns]) -> Vectors:
        """Unit vectors (n, WIDTH) of conversations, the newest turns of each."""
        return self._vectors([self._codec.conversation(turns) for turns in conversations], CONVERSATION)

    def replies(self, templates: Sequence[str]) -> Vectors:
        """Unit vectors (n, WIDTH) of replies."""
        return self._vectors([self._codec.reply(text) for text in templates], REPLY)

    @property
    def digest(self) -> str:
        """Of its weights: vectors of another matcher are of another space."""
        return self._digest

    def remembered(self, templates: Sequence[str], cache: Path | None = None) -> Vectors:
        """The same for many replies; what the `cache` folder knows of this matcher is not read again."""
        answers = Answers(self, cache)
        answers.learn(templates)
        answers.keep(templates)
        return answers.vectors(templates)

    @torch.inference_mode()
    def _vectors(self, rows: Sequence[Sequence[int]], kind: int) -> Vectors:
        if not rows:
            return _empty()
        found: Vectors = self._model(rows, kind).cpu().numpy()
        return found


class Answers:
    """Replies in a matcher's space, by their templates; a cache folder keeps them between starts.

    Where it does not `write`, it only looks into the folder, which is another's then.
    """

    def __init__(self, matcher: Matcher, cache: Path | None = None, *, write: bool = True) -> None:
        self._matcher, self._cache, self._write = matcher, cache, write
        self._known = self._load(cache) if cache else {}
        self._kept = len(self._known)

    def learn(self, templates: Sequence[str]) -> None:
        """Read those that are not known yet."""
        fresh = [text for text in dict.fromkeys(templates) if text not in self._known]
        self._known |= zip(fresh, self._matcher.replies(fresh), strict=True)

    def vectors(self, templates: Sequence[str]) -> Vectors:
        """Unit vectors (n, WIDTH) of learned replies."""
        made = np.stack([self._known[text] for text in templates]) if templates else _empty()
        self._known |= zip(templates, made, strict=True)  # rows of it: one copy of each is enough
        return made

    def keep(self, templates: Sequence[str]) -> None:
        """Forget all others, and write these into the cache folder if they have changed."""
        wanted = dict.fromkeys(templates)
        known = {text: self._known[text] for text in wanted}
        changed = len(known) != self._kept or len(known) != len(self._known)
        self._known, self._kept = known, len(known)
        if self._cache and self._write and changed:
            self._save(self._cache, known)

    def _load(self, cache: Path) -> dict[str, Vectors]:
        """What the cache knows; one that can't be read, or is another matcher's, is an empty one."""
        try:
            with safe_open(cache / CACHE_FILE, framework="numpy") as stored:
                note = stored.metadata()
                if note["matcher"] != self._matcher.digest:
                    return {}
                return dict(zip(json.loads(note["texts"]), stored.get_tensor("vectors"), strict=True))
        except (OSError, ValueError, KeyError, TypeError, SafetensorError):
            return {}

    def _save(self, cache: Path, known: dict[str, Vectors]) -> None:
        note = {"matcher": self._matcher.digest, "texts": json.dumps(list(known))}
        try:
            cache.mkdir(parents=True, exist_ok=True)
            vectors = np.stack(list(known.values())) if known else _empty()
            save_file({"vectors": vectors}, cache / f"{CACHE_FILE}.new", metadata=note)
            (cache / f"{CACHE_FILE}.new").replace(cache / CACHE_FILE)
        except OSError as error:
            log.warning("%s could not be written (%s): it is made again at the next start", CACHE_FILE, error)


def forget(cache: Path, left: Container[str]) -> None:
    """Drop all replies but those that are left from a cache folder; a cache that can't be read is removed."""
    place = cache / CACHE_FILE
    try:
        with safe_open(place, framework="numpy") as stored:
            note, vectors = stored.metadata(), stored.get_tensor("vectors")
        texts = json.loads(note["texts"])
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError, SafetensorError):
        place.unlink(missing_ok=True)
        return
    rows = [row for row, text in enumerate(texts) if text in left]
    if len(rows) < len(texts):
        note = {**note, "texts": json.dumps([texts[row] for row in rows])}
        save_file({"vectors": vectors[rows]}, cache / f"{CACHE_FILE}.new", metadata=note)
        (cache / f"{CACHE_FILE}.new").replace(place)


def read_changes(folder: Path) -> dict[str, Tensor]:
    """The low-rank changes of `matcher.safetensors`; raises ModelError."""
    try:
        return load_file(folder / FILE)
    except (OSError, SafetensorError) as error:
        raise _unreadable(folder) from error


def _unreadable(folder: Path) -> ModelError:
    return ModelError(f"{folder.name}/{FILE} can't be read; publish the version again")


def _empty() -> Vectors:
    return np.zeros((0, WIDTH), dtype=np.float32)
