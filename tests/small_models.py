"""Small random models in Hugging Face layout, made on the spot: what a user may bring as a base."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from sentencepiece import SentencePieceProcessor, SentencePieceTrainer
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    BertConfig,
    BertModel,
    BertTokenizer,
    GPT2Config,
    GPT2LMHeadModel,
    GPT2Tokenizer,
    MarianConfig,
    MarianMTModel,
    MarianTokenizer,
    PreTrainedTokenizerFast,
    XLNetConfig,
    XLNetModel,
)

ENGLISH = [
    "I'm sorry that your order is late. I have asked the courier where the parcel is.",
    "Thank you for waiting, the refund is on its way to your card.",
] * 4
WORDS = "where is my order parcel refund size shirt colour late money back the a blue please".split()
CHINESE = "您好我的订单在哪里请稍等一下帮查到了包裹明天送退款已经处理，。？！、：《》“”"


def gpt2_folder(folder: Path, *, positions: int = 128, width: int = 64, seed: int = 5) -> Path:
    """A GPT-2 with byte-level BPE that knows none of our tokens but the end."""
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    learner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<|endoftext|>"],
        show_progress=False,
    )
    learner.train_from_iterator(ENGLISH, trainer)
    folder.mkdir(parents=True, exist_ok=True)
    vocab, merges = learner.model.save(str(folder))[:2]
    tokenizer = GPT2Tokenizer(vocab=vocab, merges=merges)
    tokenizer.save_pretrained(folder)
    _save(folder, len(tokenizer), positions, width, seed, end=0)
    return folder


def chinese_gpt2_folder(folder: Path, *, positions: int = 128, seed: int = 6) -> Path:
    """A GPT-2 as Chinese ones come: BERT's word pieces, named nowhere but by the file vocab.txt."""
    folder.mkdir(parents=True, exist_ok=True)
    signs = [*"abcdefghijklmnopqrstuvwxyz0123456789", *"<>|[]#:,.!?'-_", *dict.fromkeys(CHINESE)]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *signs, *(f"##{sign}" for sign in signs[:36])]
    words += ["order", "the", "is", "late", "agent", "customer", "parcel"]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    _save(folder, len(words), positions, 64, seed, end=3)
    return folder


def bert_folder(folder: Path) -> Path:
    """A BERT with a word-piece vocabulary."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    BertTokenizer(vocab={word: at for at, word in enumerate(words)}).save_pretrained(folder)
    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=len(words), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=32,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    return folder


def xlnet_folder(folder: Path) -> Path:
    """An XLNet whose tokeniser knows whole words."""
    vocabulary = {word: at for at, word in enumerate(["<unk>", "<pad>", *WORDS])}
    raw = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=raw, unk_token="<unk>", pad_token="<pad>").save_pretrained(
        folder
    )
    torch.manual_seed(8)
    config = XLNetConfig(vocab_size=len(vocabulary), d_model=32, n_layer=2, n_head=2, d_inner=64)
    XLNetModel(config).save_pretrained(folder)
    return folder


def _save(folder: Path, vocabulary: int, positions: int, width: int, seed: int, *, end: int) -> None:
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=vocabulary, n_positions=positions, n_embd=width, n_layer=2, n_head=4,
        bos_token_id=end, eos_token_id=end,
    )  # fmt: skip
    GPT2LMHeadModel(config).save_pretrained(folder)


def marian_folder(folder: Path) -> Path:
    """A Marian translator with word pieces of its own; what it says is nonsense."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "text").write_text("\n".join([*ENGLISH, *WORDS]), encoding="utf-8")
    for side in ("source", "target"):
        SentencePieceTrainer.train(
            input=str(folder / "text"), model_prefix=str(folder / side), vocab_size=80,
            hard_vocab_limit=False, minloglevel=2,
        )  # fmt: skip
        (folder / f"{side}.model").rename(folder / f"{side}.spm")
    pieces = SentencePieceProcessor(model_file=str(folder / "source.spm"))
    words = ["</s>", "<unk>", *(pieces.id_to_piece(at) for at in range(3, len(pieces))), "<pad>"]
    (folder / "vocab.json").write_text(
        json.dumps({word: at for at, word in enumerate(words)}), encoding="utf-8"
    )
    MarianTokenizer(
        source_spm=str(folder / "source.spm"), target_spm=str(folder / "target.spm"),
        vocab=str(folder / "vocab.json"),
    ).save_pretrained(folder)  # fmt: skip
    torch.manual_seed(9)
    config = MarianConfig(
        vocab_size=len(words), d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=64, decoder_ffn_dim=64, max_position_embeddings=64,
        pad_token_id=len(words) - 1, decoder_start_token_id=len(words) - 1, eos_token_id=0,
        forced_eos_token_id=0,
    )  # fmt: skip
    MarianMTModel(config).save_pretrained(folder)
    return folder
