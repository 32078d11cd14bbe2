"""Names of people, companies, products and places, and loosely worded dates: the learned tagger.

Works on the encoder's hidden states and on the shape of words, since the encoder itself does not
see capitals. What has a fixed form (numbers, e-mails, amounts ...) belongs to `nlp.recognisers`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from nlp.encoder import Encoded
from nlp.layers import Trunk
from nlp.types import Entity

TYPES = (
    "person",
    "company",
    "product",
    "address",
    "city",
    "country",
    "date",
    "time",
    "amount",
    "coupon_code",
)
"""What the tagger can find."""
LABELS = ("O", *(f"{place}-{kind}" for kind in TYPES for place in "BI"))
FEATURES = 7
EDGES = " \t\r\n.,;:!?()[]{}\"'`*_<>|-–—#"
"""Signs that are never the first or last of a name."""


class EntityHead(nn.Module):
    """BIO logits for each token. Spans below `floor` (mean probability of their words) are dropped."""

    def __init__(self, width: int = 160, depth: int = 1) -> None:
        super().__init__()
        self.trunk = Trunk(width, depth, extra=FEATURES)
        self.classify = nn.Sequential(nn.Dropout(0.2), nn.Linear(width, len(LABELS)))
        self.floor = 0.5

    def forward(
        self, hidden: tuple[torch.Tensor, ...], mask: torch.Tensor, shapes: torch.Tensor
    ) -> torch.Tensor:
        """Logits (n, T, labels) in the order of LABELS; `shapes` is (n, T, FEATURES)."""
        logits: torch.Tensor = self.classify(self.trunk(hidden, mask, shapes))
        return logits

    def predict(self, encoded: Encoded) -> list[list[Entity]]:
        """The entities of each text, in order, without overlaps."""
        shapes = word_shapes(encoded.texts, encoded.offsets, encoded.mask.shape[1])
        with torch.inference_mode():
            logits = self.forward(encoded.hidden, encoded.mask, shapes.to(encoded.mask.device))
            scores = torch.log_softmax(logits, dim=-1).float().cpu().numpy()
        return [
            self._spans(text, offsets, words, scores[row])
            for row, (text, offsets, words) in enumerate(
                zip(encoded.texts, encoded.offsets, encoded.words, strict=True)
            )
        ]

    def _spans(
        self,
        text: str,
        offsets: Sequence[tuple[int, int]],
        words: Sequence[int],
        scores: NDArray[np.float32],
    ) -> list[Entity]:
        pieces = _first_pieces(words)
        if not pieces:
            return []
        path = best_path(scores[pieces])
        ends = _word_ends(offsets, words)
        found: list[Entity] = []
        for kind, first, last in _runs(path):
            likely = [float(np.exp(scores[pieces[at]][path[at]])) for at in range(first, last + 1)]
            score = sum(likely) / len(likely)
            if score < self.floor:
                continue
            start, end = _trim(text, offsets[pieces[first]][0], ends[words[pieces[last]]])
            if start < end:
                piece = text[start:end]
                found.append(Entity(kind, piece, start, end, " ".join(piece.split()), score, "tagger"))
        return found


def word_shapes(
    texts: Sequence[str], offsets: Sequence[Sequence[tuple[int, int]]], length: int
) -> torch.Tensor:
    """What a lower-casing encoder can't see of each token: (n, length, FEATURES), 0 or 1.

    Features: starts with a capital, all capitals, has a digit, is a sign, follows white space,
    starts the text or a sentence, and whether the text uses capitals at all.
    """
    shapes = np.zeros((len(texts), length, FEATURES), dtype=np.float32)
    for row, (text, spans) in enumerate(zip(texts, offsets, strict=True)):
        cased = float(text != text.lower() and text != text.upper())
        for position, (start, end) in enumerate(spans):
            piece = text[start:end]
            if not piece:
                continue
            before = text[max(0, start - 2) : start].strip()
            shapes[row, position] = (
                piece[0].isupper(),
                len(piece) > 1 and piece.isupper(),
                any(sign.isdigit() for sign in piece),
                not piece[0].isalnum(),
                start == 0 or text[start - 1].isspace(),
                start == 0 or before.endswith((".", "!", "?")),
                cased,
            )
    return torch.from_numpy(shapes)


def _transitions() -> NDArray[np.float32]:
    """Log-scores of label to label: an inside label may only follow its own type."""
    allowed = np.zeros((len(LABELS), len(LABELS)), dtype=np.float32)
    for after, label in enumerate(LABELS):
        if label.startswith("I-"):
            for before, previous in enumerate(LABELS):
                if previous[2:] != label[2:]:
                    allowed[before, after] = -1e4
    return allowed


_MOVES = _transitions()


def best_path(scores: NDArray[np.float32]) -> list[int]:
    """The most probable valid label sequence for log-probabilities of shape (words, labels)."""
    total = scores[0] + _MOVES[0]
    back: list[NDArray[np.intp]] = []
    for row in scores[1:]:
        options = total[:, None] + _MOVES
        back.append(options.argmax(axis=0))
        total = options.max(axis=0) + row
    path = [int(total.argmax())]
    for step in reversed(back):
        path.append(int(step[path[-1]]))
    return path[::-1]


def _first_pieces(words: Sequence[int]) -> list[int]:
    return [at for at, word in enumerate(words) if word >= 0 and (at == 0 or words[at - 1] != word)]


def _word_ends(offsets: Sequence[tuple[int, int]], words: Sequence[int]) -> dict[int, int]:
    return {word: end for (_, end), word in zip(offsets, words, strict=True) if word >= 0}


def _runs(path: Sequence[int]) -> list[tuple[str, int, int]]:
    """(type, first word, last word) of each labelled run."""
    runs: list[tuple[str, int, int]] = []
    for at, index in enumerate(path):
        label = LABELS[index]
        if label.startswith("B-"):
            runs.append((label[2:], at, at))
        elif label.startswith("I-") and runs:
            kind, first, _ = runs[-1]
            runs[-1] = (kind, first, at)
    return runs


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start] in EDGES:
        start += 1
    while end > start and text[end - 1] in EDGES:
        end -= 1
    return start, end
