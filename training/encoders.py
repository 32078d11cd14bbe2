"""Which encoder reads best: candidates under the same linear head, judged on validation data.

A candidate is the shipped MiniLM, or any model that transformers' AutoModel reads (BERT, XLNet, a
multilingual MiniLM, a GPT-2 ...), frozen, its states averaged. Validation texts are told by their hash,
so every candidate sees the same ones. Knows labelled texts; knows no task and no command line.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from transformers import AutoModel, AutoTokenizer

from nlp.device import has_bf16
from nlp.encoder import BUCKET, MAX_TOKENS, Encoder
from nlp.errors import ModelError
from nlp.tokens import readable
from nlp.tuned import STEP, mean_of, padded
from training import files, intervals
from training.files import BadFile, LabelledText
from training.hub import model_folder, read_config
from training.measures import accuracy, macro_f1
from training.progress import Progress

SHIPPED, SHIPPED_PARAMETERS = "minilm", 22_565_376
HELD_OUT = 0.25
STRENGTHS = (0.003, 0.03, 0.3)
"""Inverse regularisations tried for each candidate, on a part of what it learns from."""
ROWS = {"sentiment": files.sentiment_row, "intents": files.intent_row}
_NOT_NEEDED = ("pooler", "lm_head", "cls.", "mask_emb")

Vectors = NDArray[np.float32]
Embed = Callable[[Sequence[str]], Vectors]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A loaded encoder: texts to one vector each."""

    name: str
    source: str
    parameters: int
    embed: Embed


def load_candidate(name: str, device: str = "cpu") -> Candidate:
    """`minilm`, a folder in Hugging Face layout, or a Hub id; raises ModelError or EncoderError."""
    if name == SHIPPED:
        return Candidate(SHIPPED, "shipped with Deskhand", SHIPPED_PARAMETERS, Encoder.load(device).embed)
    found = model_folder(name)
    config = read_config(found.path)
    if config.get("is_encoder_decoder"):
        raise ModelError(f"{name} has an encoder and a decoder; choose an encoder such as BERT or XLNet")
    model, tokenizer = _loaded(found.path, name)
    limit = _most_tokens(config)
    model.requires_grad_(False)
    model.train(False)
    model.to(torch.device(device))

    def embed(texts: Sequence[str]) -> Vectors:
        # What a person typed that looks like a special token is text here as well.
        rows = tokenizer(
            [readable(text) for text in texts],
            truncation=True,
            max_length=limit,
            split_special_tokens=True,
        )["input_ids"]
        return _means(model, [row or [0] for row in rows], device)

    _tried(embed, name)
    return Candidate(name, found.source, model.num_parameters(), embed)


def compare(
    path: Path,
    task: str,
    names: Sequence[str],
    *,
    seed: int,
    limit: int | None = None,
    device: str = "cpu",
    progress: Progress = lambda name, done, total: None,
) -> dict[str, Any]:
    """Figures of each candidate on the file's held-out texts, best first, and which wins.

    Raises BadFile for a file with too little, and what `load_candidate` raises, before anything is measured.
    """
    learned, held = _split(path, task, limit, seed)
    candidates = [load_candidate(name, device) for name in dict.fromkeys(names)]
    truth = [row.label for row in held]
    measured = []
    for candidate in candidates:
        texts = [row.text for row in (*learned, *held)]
        began = time.monotonic()
        vectors = _in_batches(candidate, texts, progress)
        seconds = time.monotonic() - began
        guesses = _read(vectors, learned, seed)
        measured.append((_figures(candidate, truth, guesses, len(texts) / max(seconds, 1e-9), seed), guesses))
    measured.sort(key=lambda one: -one[0]["macro_f1"])
    return {
        "n": len(held),
        "learned_from": len(learned),
        "labels": len(set(truth)),
        "winner": measured[0][0]["encoder"],
        **_lead(truth, [guesses for _, guesses in measured], seed),
        "encoders": {one["encoder"]: one for one, _ in measured},
    }


def _loaded(folder: Path, name: str) -> tuple[Any, Any]:
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        model, report = AutoModel.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    # What is missing or damaged shows as whatever the model's own class raises.
    except Exception as error:
        raise ModelError(f"{name} can't be read as an encoder: {_line(error)}") from error
    missing = sorted(key for key in report["missing_keys"] if not any(part in key for part in _NOT_NEEDED))
    if missing:
        raise ModelError(f"{name} lacks {len(missing)} of its weights ({missing[0]}); download it again")
    return model, tokenizer


def _most_tokens(config: dict[str, Any]) -> int:
    """Tokens read of a text: ours, or what the model has positions for, two of which some keep back."""
    positions = int(config.get("max_position_embeddings") or config.get("n_positions") or 0)
    most = min(MAX_TOKENS, positions - 2) if positions > 0 else MAX_TOKENS
    return max(STEP, most - most % STEP)


def _tried(embed: Embed, name: str) -> None:
    """Raise ModelError where the model can't read two plain texts; it warms up as well."""
    try:
        vectors = embed(["Where is my order?", "您好"])
    except Exception as error:
        raise ModelError(f"{name} can't read text as an encoder: {_line(error)}") from error
    if not np.isfinite(vectors).all():
        raise ModelError(f"{name} makes vectors that are no numbers; its weights may be damaged")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _means(model: Any, rows: Sequence[Sequence[int]], device: str) -> Vectors:
    """The mean state of each row of ids, (n, width); rows of like length share a pass."""
    order = sorted(range(len(rows)), key=lambda row: len(rows[row]))
    found: list[Vectors] = [np.zeros(0, dtype=np.float32)] * len(rows)
    for start in range(0, len(order), BUCKET):
        some = order[start : start + BUCKET]
        ids, mask = padded([rows[row] for row in some], device)
        with (
            torch.inference_mode(),
            torch.autocast(torch.device(device).type, torch.bfloat16, enabled=has_bf16(device)),
        ):
            states = model(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        for row, vector in zip(some, mean_of(states.float(), mask).cpu().numpy(), strict=True):
            found[row] = vector
    return np.stack(found)


def _in_batches(candidate: Candidate, texts: Sequence[str], progress: Progress) -> Vectors:
    parts = []
    for start in range(0, len(texts), 256):
        parts.append(candidate.embed(texts[start : start + 256]))
        progress(candidate.name, min(start + 256, len(texts)), len(texts))
    return np.concatenate(parts)


def _split(
    path: Path, task: str, limit: int | None, seed: int
) -> tuple[list[LabelledText], list[LabelledText]]:
    """Rows to learn from and rows to judge by; raises BadFile where either is too few."""
    rows = files.some(files.rows(path, ROWS[task]), limit, seed)
    learned = [row for row in rows if not files.held_out(row.text, HELD_OUT)]
    known = {row.label for row in learned}
    held = [row for row in rows if files.held_out(row.text, HELD_OUT) and row.label in known]
    if len(known) < 2 or not held:
        raise BadFile(
            f"{path.name}: {len(rows)} rows with {len(known)} labels are too few to compare encoders; "
            "two labels with some dozen different texts each are needed"
        )
    return learned, held


def _read(vectors: Vectors, learned: Sequence[LabelledText], seed: int) -> list[str]:
    """Labels of the vectors behind those of the learned rows, by a linear head."""
    taught, labels = vectors[: len(learned)], np.array([row.label for row in learned])
    # Another hash than that of the split: how strong the head is chosen to be must not see held-out rows.
    aside = np.array([files.held_out(f"strength {row.text}", HELD_OUT) for row in learned])
    strength = STRENGTHS[1]
    if aside.any() and len(set(labels[~aside])) > 1:
        strength = max(
            STRENGTHS,
            key=lambda one: _fitted(taught[~aside], labels[~aside], one, seed).score(
                taught[aside], labels[aside]
            ),
        )
    return [str(label) for label in _fitted(taught, labels, strength, seed).predict(vectors[len(learned) :])]


def _fitted(vectors: Vectors, labels: NDArray[np.str_], strength: float, seed: int) -> Pipeline:
    head = LogisticRegression(C=strength, max_iter=1000, random_state=seed)
    return make_pipeline(StandardScaler(), head).fit(vectors, labels)


def _figures(
    candidate: Candidate, truth: Sequence[str], guesses: Sequence[str], speed: float, seed: int
) -> dict[str, Any]:
    f1 = _f1_of(truth, guesses)
    return {
        "encoder": candidate.name,
        "source": candidate.source,
        "parameters": candidate.parameters,
        "macro_f1": macro_f1(truth, guesses),
        "interval": {"macro_f1": intervals.bootstrap(len(truth), f1, seed)},
        "accuracy": accuracy(truth, guesses),
        "texts_per_second": speed,
    }


def _lead(truth: Sequence[str], guesses: Sequence[Sequence[str]], seed: int) -> dict[str, Any]:
    """By how much the first is better than the second, and whether that is more than chance."""
    if len(guesses) < 2:
        return {}
    first, second = _f1_of(truth, guesses[0]), _f1_of(truth, guesses[1])
    low, high = intervals.bootstrap(len(truth), lambda rows: first(rows) - second(rows), seed)
    every = np.arange(len(truth))
    return {"lead": first(every) - second(every), "lead_interval": (low, high), "clear": low > 0}


def _f1_of(truth: Sequence[str], guesses: Sequence[str]) -> Callable[[intervals.Rows], float]:
    names = sorted({*truth, *guesses})
    column = {name: at for at, name in enumerate(names)}
    true, found = (np.array([column[one] for one in some], dtype=np.intp) for some in (truth, guesses))
    return lambda rows: intervals.macro_f1_of(intervals.confusion(true[rows], found[rows], len(names)))
