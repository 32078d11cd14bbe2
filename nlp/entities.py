"""Names, places, loosely worded dates and numbers without a form: the learned tagger.

The encoder with changes of its own, which sees the shape of words as well, since its tokeniser
lower-cases. What has a fixed form is found by `nlp.recognisers`, which wins where both find something.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from nlp.backbone import Backbone
from nlp.batches import Tokens
from nlp.tuned import TunedEncoder
from nlp.types import Entity

TYPES = (
    "person",
    "company",
    "product",
    "address",
    "city",
    "country",
    "place",
    "date",
    "time",
    "amount",
    "coupon_code",
    "order_id",
    "tracking_number",
    "invoice_number",
    "account_id",
    "email",
    "phone",
    "card",
    "iban",
    "url",
)
"""What the tagger can find; "place" is any named place that is no city, country or street address."""
LABELS = ("O", *(f"{place}-{kind}" for kind in TYPES for place in "BI"))
SECRETS = frozenset({"account_id", "amount", "card", "email", "iban", "phone"})
SECRETS_FLOOR = 2 / 3
"""Numbers that must not be missed are kept from this share of the floor on; their form gives them away."""
FEATURES = 7
EDGES = " \t\r\n.,;:!?()[]{}\"'`*_<>|-–—#"
"""Signs that are never the first or last of a name."""


class EntityHead(nn.Module):
    """BIO logits for each token. Spans below `floor` (mean probability of their words) are dropped."""

    def __init__(self, backbone: Backbone | None = None) -> None:
        super().__init__()
        self.encoder = TunedEncoder(FEATURES, backbone)
        self.classify = nn.Sequential(nn.Dropout(0.2), nn.Linear(self.encoder.width, len(LABELS)))
        self.floor = 0.5

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, shapes: torch.Tensor) -> torch.Tensor:
        """Logits (n, T, labels) in the order of LABELS; `shapes` is (n, T, FEATURES)."""
        logits: torch.Tensor = self.classify(self.encoder(ids, mask, marks=shapes))
        return logits

    def predict(self, tokens: Tokens) -> list[list[Entity]]:
        """The entities of each text, in order, without overlaps."""
        tokens = self.encoder.own(tokens)
        shapes = word_shapes(tokens.texts, tokens.offsets, tokens.ids.shape[1])
        with torch.inference_mode():
            logits = self.forward(tokens.ids, tokens.mask, shapes.to(tokens.ids.device))
            scores = torch.log_softmax(logits, dim=-1).float().cpu().numpy()
        return [
            self._spans(text, offsets, words, scores[row])
            for row, (text, offsets, words) in enumerate(
                zip(tokens.texts, tokens.offsets, tokens.words, strict=True)
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
            if score < self.floor * (SECRETS_FLOOR if kind in SECRETS else 1.0):
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
