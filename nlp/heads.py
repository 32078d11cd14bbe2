"""A folder of trained task heads: how it is laid out, written and loaded.

`config.json` names the encoder, the labels, sizes and temperatures; one safetensors file holds the
weights of each head in half precision. Knows nothing of how heads are trained or used.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from nlp.encoder import WEIGHTS_SHA256
from nlp.entities import LABELS, EntityHead
from nlp.errors import HeadsError
from nlp.intents import IntentHead
from nlp.sentiment import MOODS, SentimentHead

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Heads:
    """The three heads that read a message, made for one encoder."""

    sentiment: SentimentHead
    intents: IntentHead
    entities: EntityHead

    @classmethod
    def load(cls, folder: Path | str) -> Heads:
        """Load a folder written by `save`. Raises HeadsError when it is incomplete or does not fit."""
        folder = Path(folder)
        config = _config(folder)
        try:
            sentiment = SentimentHead(**config["sentiment"]["shape"])
            intents = IntentHead(config["intents"]["labels"], **config["intents"]["shape"])
            entities = EntityHead(**config["entities"]["shape"])
            sentiment.temperature = float(config["sentiment"]["temperature"])
            intents.temperature = float(config["intents"]["temperature"])
            entities.floor = float(config["entities"]["floor"])
        except (KeyError, TypeError, ValueError) as error:
            raise HeadsError(f"config.json of the heads is incomplete: {type(error).__name__}") from error
        heads = cls(sentiment, intents, entities)
        for name, head in heads.parts():
            _fill(head, folder / f"{name}.safetensors")
        return heads

    def parts(self) -> tuple[tuple[str, nn.Module], ...]:
        """The heads by name."""
        return ("sentiment", self.sentiment), ("intents", self.intents), ("entities", self.entities)

    def save(self, folder: Path | str) -> None:
        """Write weights (float16) first and config.json last."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name, head in self.parts():
            weights = {key: value.detach().half().contiguous() for key, value in head.state_dict().items()}
            save_file(weights, folder / f"{name}.safetensors")
        (folder / "config.json").write_text(json.dumps(self._described(), indent=1) + "\n", encoding="utf-8")

    def _described(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "encoder_sha256": WEIGHTS_SHA256,
            "sentiment": {
                "labels": list(MOODS),
                "shape": _shape(self.sentiment),
                "temperature": round(self.sentiment.temperature, 4),
            },
            "intents": {
                "labels": list(self.intents.labels),
                "shape": _shape(self.intents),
                "temperature": round(self.intents.temperature, 4),
            },
            "entities": {
                "labels": list(LABELS),
                "shape": _shape(self.entities),
                "floor": round(self.entities.floor, 4),
            },
        }


def _shape(head: SentimentHead | IntentHead | EntityHead) -> dict[str, int]:
    return {"width": head.trunk.narrow.out_features, "depth": len(head.trunk.layers)}


def _config(folder: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise HeadsError(f"no readable config.json in the heads folder {folder.name}") from error
    if config.get("format") != FORMAT:
        raise HeadsError(f"the heads in {folder.name} have format {config.get('format')!r}, not {FORMAT}")
    if config.get("encoder_sha256") != WEIGHTS_SHA256:
        raise HeadsError(f"the heads in {folder.name} were made for another encoder")
    if config.get("entities", {}).get("labels") != list(LABELS):
        raise HeadsError(f"the heads in {folder.name} use other entity labels")
    return config


def _fill(head: nn.Module, path: Path) -> None:
    try:
        weights = {name: value.to(torch.float32) for name, value in load_file(path).items()}
        head.load_state_dict(weights)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise HeadsError(f"{path.name} is missing, damaged, or of another shape") from error
    head.requires_grad_(False)
    head.eval()
