"""Text to plain token ids and back, for the tokeniser of any GPT-2 folder.

Whatever text says, it never becomes a special token: "<|agent|>" is ordinary characters here.
Byte-level tokenisers give text back as it was; word-piece ones lose spaces, which are put where
people write them, and nowhere between Chinese characters. Knows no slot and no prompt.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders
from transformers import AutoTokenizer, BertTokenizer, GPT2Tokenizer, PreTrainedTokenizerFast

from nlp.errors import ModelError, one_line

_CJK = re.compile("[\u2e80-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]")
_TIGHT_BEFORE = frozenset(".,!?;:%)]}…'’”/-_@")
_TIGHT_AFTER = frozenset("([{'’“/-_@#$£€")
_SPLIT_NUMBER = re.compile(r"(?<=\d)([.:]|,(?= \d{3}(?!\d))) (?=\d)")
_FROM_FILES = ("name_or_path", "is_local", "local_files_only", "trust_remote_code", "auto_map")
"""What a loaded tokeniser remembers of where it came from; nobody else needs to know."""


def readable(text: str) -> str:
    """Replace lone surrogates, which are not text, by a sign of the same length: offsets stay true."""
    if text.isascii():
        return text
    return "".join("\ufffd" if "\ud800" <= sign <= "\udfff" else sign for sign in text)


def read_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The tokeniser of a model folder in Hugging Face layout; raises ModelError."""
    try:
        kind = _class_for(folder)
        # Without the answer no, transformers would ask the terminal whether to run a folder's own code.
        code = {"trust_remote_code": False} if kind is AutoTokenizer else {}
        tokenizer: object = kind.from_pretrained(folder, local_files_only=True, **code)
    # Which error a broken file raises is up to the class of the tokeniser.
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError) as error:
        raise ModelError(f"{folder.name} holds no readable tokeniser: {one_line(error)}") from error
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise ModelError(f"{folder.name}: its tokeniser has no tokenizer.json; choose a model that has one")
    return tokenizer


def save_tokenizer(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write the tokeniser's files, its plain vocabulary too, for programs that know no tokenizer.json."""
    for name in _FROM_FILES:
        tokenizer.init_kwargs.pop(name, None)
    # A template for chats would be a file of a kind that no version may hold, and is not used.
    tokenizer.chat_template = None
    tokenizer.save_pretrained(folder)
    tokenizer.backend_tokenizer.model.save(str(folder))


def _class_for(folder: Path) -> type[Any]:
    """The class that reads a folder: the named one, else the one whose files are there."""
    named = _json(folder / "tokenizer_config.json").get("tokenizer_class")
    named = named or _json(folder / "config.json").get("tokenizer_class")
    if named:
        return GPT2Tokenizer if str(named).startswith("GPT2") else AutoTokenizer
    whole = folder / "tokenizer.json"
    if whole.exists() and _json(whole).get("model", {}).get("type") != "BPE":
        return PreTrainedTokenizerFast
    if (folder / "vocab.txt").exists() and not whole.exists():
        return BertTokenizer
    return GPT2Tokenizer


def _json(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    found = json.loads(path.read_text(encoding="utf-8"))
    return found if isinstance(found, dict) else {}


class TextCodec:
    """Plain text to ids and back, by one tokeniser."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self._raw: Tokenizer = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
        self._raw.encode_special_tokens = True
        self._raw.no_truncation()
        self._raw.no_padding()
        self.vocabulary: dict[str, int] = self._raw.get_vocab(with_added_tokens=True)
        added = tokenizer.added_tokens_decoder.items()
        self.special = frozenset(tokenizer.all_special_ids) | {at for at, token in added if token.special}
        self._exact = isinstance(self._raw.decoder, decoders.ByteLevel)
        self._word_pieces = isinstance(self._raw.decoder, decoders.WordPiece)

    def encode(self, text: str) -> list[int]:
        """Ids of a text, none of them special but the one for what the vocabulary lacks."""
        ids: list[int] = self._raw.encode(readable(text), add_special_tokens=False).ids
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of plain ids."""
        if self._word_pieces:
            return spaced(self._raw.id_to_token(number) or "" for number in ids)
        text: str = self._raw.decode(list(ids), skip_special_tokens=False)
        return text

    def joined(self, parts: Iterable[str]) -> str:
        """Decoded texts and what stands between them, as one text."""
        return "".join(parts) if self._exact else spaced(part.strip() for part in parts)


def spaced(pieces: Iterable[str]) -> str:
    """Words, signs and pieces that go on ("##s") as a text with spaces where people write them."""
    out = ""
    for piece in pieces:
        if not piece:
            continue
        if piece.startswith("##"):
            out += piece[2:]
        elif out and _apart(out[-1], piece):
            out += f" {piece}"
        else:
            out += piece
    return _SPLIT_NUMBER.sub(r"\1", out)


def _apart(before: str, piece: str) -> bool:
    if _CJK.match(before) or _CJK.match(piece):
        return False
    return before not in _TIGHT_AFTER and piece[0] not in _TIGHT_BEFORE
