"""Augmentation: customers' turns said in other words, by small edits or by translating there and back.

Agents' turns stay, since they are what is learned, and so does every slot. Off unless somebody asks: a round
says what it gains with and without (training/LOG.md). Knows templates and dialogues; knows no round.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from transformers import MarianMTModel, MarianTokenizer

from nlp import slots
from nlp.errors import ModelError, one_line
from training.corpus import Dialogue, TurnPair, renamed

_SYNONYMS = """
order purchase|parcel package delivery|refund reimbursement|late delayed overdue|broken damaged faulty
|cancel stop|buy purchase|bought purchased ordered|item article product|problem issue trouble|help assist
|send ship dispatch|sent shipped dispatched|shop store|wrong incorrect|quickly fast soon|quick fast
|cheap inexpensive|price cost|pay settle|receive get|received got|arrive come|arrived come|need require
|want wish|tell inform|check verify|fix repair|change alter|exchange swap|mistake error
|address location|angry upset annoyed|happy glad pleased|ask enquire|answer reply|reply answer|start begin
|phone telephone|mail message|money cash|bill invoice|invoice bill|voucher coupon|coupon voucher|open unlock
|box carton|missing absent|size fit|colour shade|courier carrier|today right now|maybe perhaps|really truly
|also too|but yet|very really"""
SYNONYMS: Mapping[str, tuple[str, ...]] = {
    words[0]: tuple(words[1:])
    for words in (group.split() for group in _SYNONYMS.replace("\n", " ").split("|"))
}
"""A word of support and what may stand for it."""


@dataclass(frozen=True, slots=True)
class Edits:
    """Shares of a turn's words that are replaced, exchanged and left out; at least one each where above 0."""

    replaced: float = 0.1
    swapped: float = 0.1
    deleted: float = 0.1


USUAL = Edits()
"""As the paper has it for small sets."""


def edited(template: str, rng: random.Random, edits: Edits = USUAL) -> str:
    """A template by easy data augmentation (Wei and Zou, 2019), one of its operations drawn for it.

    Slots stay what and where they are; two words or fewer stay as they are.
    """
    words = template.split()
    free = [at for at, word in enumerate(words) if not slots.slots_in(word)]
    if len(free) <= 2:
        return template
    change, share = rng.choice(((_replace, edits.replaced), (_swap, edits.swapped), (_delete, edits.deleted)))
    count = max(1, round(share * len(free))) if share > 0 else 0
    return " ".join(change(words, free, count, rng))


def _replace(words: list[str], free: Sequence[int], count: int, rng: random.Random) -> list[str]:
    known = [at for at in free if words[at].lower().strip(".,!?") in SYNONYMS]
    out = list(words)
    for at in rng.sample(known, min(count, len(known))):
        bare = words[at].strip(".,!?")
        other = rng.choice(SYNONYMS[bare.lower()])
        out[at] = words[at].replace(bare, other.capitalize() if bare[0].isupper() else other)
    return out


def _swap(words: list[str], free: Sequence[int], count: int, rng: random.Random) -> list[str]:
    out = list(words)
    for _ in range(count):
        one, other = rng.sample(list(free), 2)
        out[one], out[other] = out[other], out[one]
    return out


def _delete(words: list[str], free: Sequence[int], count: int, rng: random.Random) -> list[str]:
    gone = set(rng.sample(list(free), min(count, len(free) - 1)))
    return [word for at, word in enumerate(words) if at not in gone]


def augmented(dialogues: Sequence[Dialogue], times: int, seed: int, edits: Edits = USUAL) -> list[Dialogue]:
    """`times` variants of each dialogue with its customers' turns edited; none where nothing changed."""
    rng = random.Random(seed)
    return _variants(dialogues, times, lambda texts: [edited(text, rng, edits) for text in texts], "eda")


class Translator(Protocol):
    """Texts of one language into another. Its method blocks."""

    def translate(self, texts: Sequence[str]) -> list[str]:
        """One translation for each text."""
        ...


class Marian:
    """A Marian model in a local folder, as transformers reads it (Junczys-Dowmunt et al., 2018)."""

    def __init__(self, folder: Path, *, batch: int = 16, most_tokens: int = 128) -> None:
        """Raises ModelError where the folder can't be read, or holds pickled weights. No network is used."""
        try:
            self._tokenizer = MarianTokenizer.from_pretrained(folder, local_files_only=True)
            self._model = MarianMTModel.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
            )
        except ImportError as error:
            raise ModelError(
                "translation needs sentencepiece: pip install 'deskhand[translation]'"
            ) from error
        except (OSError, ValueError, RuntimeError, TypeError) as error:
            raise ModelError(
                f"{folder.name} can't be read as a Marian model ({one_line(error)}); "
                "name a folder with its safetensors and tokeniser"
            ) from error
        self._model.train(False)
        self._batch, self._most = batch, most_tokens

    @torch.inference_mode()
    def translate(self, texts: Sequence[str]) -> list[str]:
        """The most probable translation of each text, greedily; a long text is cut to `most_tokens`."""
        out: list[str] = []
        for start in range(0, len(texts), self._batch):
            read = self._tokenizer(
                list(texts[start : start + self._batch]),
                return_tensors="pt", padding=True, truncation=True, max_length=self._most,
            )  # fmt: skip
            made = self._model.generate(**read, max_new_tokens=self._most, num_beams=1, do_sample=False)
            out += self._tokenizer.decode(made, skip_special_tokens=True)
        return out


def back_translated(dialogues: Sequence[Dialogue], there: Translator, back: Translator) -> list[Dialogue]:
    """A variant of each dialogue with its customers' turns translated there and back (Sennrich et al., 2016).

    Between slots only: a slot is never shown to a translator.
    """

    def both(texts: Sequence[str]) -> list[str]:
        parts = [slots.pieces(text) for text in texts]
        plain = list(dict.fromkeys(t for group in parts for t, slot in group if slot is None and t.strip()))
        told = dict(zip(plain, back.translate(there.translate(plain)), strict=True)) if plain else {}
        return ["".join(_spaced(t, told.get(t, t)) for t, _ in group) for group in parts]

    return _variants(dialogues, 1, both, "back")


def _spaced(before: str, after: str) -> str:
    """The new text with the blanks of the old one at its ends, which stand beside slots."""
    head, tail = before[: len(before) - len(before.lstrip())], before[len(before.rstrip()) :]
    return f"{head}{after.strip()}{tail}" if before.strip() else before


def _variants(
    dialogues: Sequence[Dialogue], times: int, change: Callable[[Sequence[str]], Sequence[str]], name: str
) -> list[Dialogue]:
    out = []
    for number in range(times):
        said = [text for one in dialogues for role, text in one.turns if role == "customer"]
        new = iter(change(said))
        for one in dialogues:
            turns: list[TurnPair] = [
                (role, next(new) if role == "customer" else text) for role, text in one.turns
            ]
            if tuple(turns) != one.turns and all(text.strip() for _, text in turns):
                out.append(renamed(one, f"{name}{number}", turns))
    return out
