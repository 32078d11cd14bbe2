"""Train the reply model's tokeniser: byte-level BPE with a small, copy-friendly vocabulary.

The result is a GPT2Tokenizer in Hugging Face layout whose slot and control tokens are special
tokens. Knows text only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Tokenizer

from nlp import slots
from nlp.prompts import CONTROL_TOKENS, END


def train_tokenizer(templates: Iterable[str], *, vocabulary: int, folder: Path) -> GPT2Tokenizer:
    """Learn merges from templates (slots left out), save to `folder`, return the loaded tokeniser.

    `vocabulary` counts bytes and merges; the special tokens come on top.
    """
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    learner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[END],
        show_progress=False,
    )
    learner.train_from_iterator(_plain_parts(templates), trainer)
    folder.mkdir(parents=True, exist_ok=True)
    vocab, merges = learner.model.save(str(folder))[:2]
    tokenizer = GPT2Tokenizer(vocab=vocab, merges=merges)
    # One call for all: a second one would replace the first one's list.
    tokenizer.add_special_tokens(
        {
            "extra_special_tokens": [*CONTROL_TOKENS, *(slots.token(s) for s in slots.ALL_SLOTS)],
            "pad_token": END,
        }
    )
    tokenizer.save_pretrained(folder)
    loaded: GPT2Tokenizer = GPT2Tokenizer.from_pretrained(folder, local_files_only=True)
    return loaded


def _plain_parts(templates: Iterable[str]) -> Iterator[str]:
    for template in templates:
        for text, slot in slots.pieces(template):
            if slot is None:
                yield text
