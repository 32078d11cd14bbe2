"""A folder of trained task heads: how it is laid out, written and loaded.

`config.json` names the labels and temperatures; one safetensors file holds, in half precision, a head's
changes to the encoder ("changes.LAYER.up", ".down") and its own weights ("own."). A head over another
encoder than the shipped one names it, and its folder lies in `encoders/`.
Knows nothing of how heads are trained or used.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from nlp.backbone import Backbone
from nlp.entities import LABELS, EntityHead
from nlp.errors import HeadsError, ModelError
from nlp.intents import IntentHead
from nlp.minilm import WEIGHTS_SHA256
from nlp.sentiment import MOODS, SentimentHead

FORMAT = 2
ENCODERS = "encoders"
Head = SentimentHead | IntentHead | EntityHead
NAMES = ("sentiment", "intents", "entities")
_CHANGES, _OWN, _ENCODER = "changes.", "own.", "encoder.body."


@dataclass(frozen=True, slots=True)
class Heads:
    """The three heads that read a message, made for one encoder."""

    sentiment: SentimentHead
    intents: IntentHead
    entities: EntityHead

    @classmethod
    def load(cls, folder: Path | str, device: str = "cpu") -> Heads:
        """Load a folder of heads. Raises HeadsError when it is incomplete or does not fit."""
        folder = Path(folder)
        config = _config(folder)
        over = {name: _backbone(folder, name, config) for name in NAMES}
        try:
            sentiment = SentimentHead(over["sentiment"])
            intents = IntentHead(config["intents"]["labels"], over["intents"])
            entities = EntityHead(over["entities"])
            sentiment.temperature = float(config["sentiment"]["temperature"])
            intents.temperature = float(config["intents"]["temperature"])
            entities.floor = float(config["entities"]["floor"])
        except (KeyError, TypeError, ValueError) as error:
            raise HeadsError(f"config.json of the heads is incomplete: {type(error).__name__}") from error
        made: tuple[Head, ...] = (sentiment, intents, entities)
        for name, head in zip(NAMES, made, strict=True):
            _fill(head, folder / f"{name}.safetensors", device)
        return cls(sentiment, intents, entities)


def save_head(folder: Path, name: str, head: Head, changes: Mapping[str, Tensor]) -> None:
    """Write NAME.safetensors and then the head's part of config.json.

    `changes` are those to the encoder (LAYER.up, LAYER.down). A folder without all three is no folder
    of heads yet.
    """
    folder.mkdir(parents=True, exist_ok=True)
    own = {key: value for key, value in head.state_dict().items() if not key.startswith(_ENCODER)}
    tensors = {f"{_CHANGES}{key}": value for key, value in changes.items()}
    tensors |= {f"{_OWN}{key}": value for key, value in own.items()}
    save_file(
        {key: value.detach().half().contiguous() for key, value in tensors.items()},
        folder / f"{name}.safetensors",
    )
    path = folder / "config.json"
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if config.get("format") != FORMAT:
        config = {"format": FORMAT, "encoder_sha256": WEIGHTS_SHA256}
    config[name] = _described(head)
    shutil.rmtree(folder / ENCODERS / name, ignore_errors=True)
    if head.encoder.backbone is not None:
        config[name]["encoder"] = head.encoder.backbone.name
        head.encoder.backbone.save(folder / ENCODERS / name)
    path.write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")


def _described(head: Head) -> dict[str, Any]:
    if isinstance(head, EntityHead):
        return {"labels": list(LABELS), "floor": round(head.floor, 4)}
    labels = MOODS if isinstance(head, SentimentHead) else head.labels
    return {"labels": list(labels), "temperature": round(head.temperature, 4)}


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


def _backbone(folder: Path, name: str, config: Mapping[str, Any]) -> Backbone | None:
    """The encoder that a head names, None for the shipped one."""
    encoder = config.get(name, {}).get("encoder")
    if encoder is None:
        return None
    try:
        return Backbone.load(folder / ENCODERS / name, str(encoder))
    except ModelError as error:
        raise HeadsError(f"an encoder of the heads in {folder.name} can't be read: {error}") from error


def _fill(head: Head, path: Path, device: str) -> None:
    try:
        tensors = load_file(path)
        own = {k.removeprefix(_OWN): v.float() for k, v in tensors.items() if k.startswith(_OWN)}
        missing, unexpected = head.load_state_dict(own, strict=False)
        if unexpected or any(not name.startswith(_ENCODER) for name in missing):
            raise HeadsError(f"{path.name} lacks weights or is of another shape")
        changes = {k.removeprefix(_CHANGES): v for k, v in tensors.items() if k.startswith(_CHANGES)}
        head.encoder.serve(device, changes)
    except (OSError, SafetensorError, RuntimeError, KeyError) as error:
        raise HeadsError(f"{path.name} is missing, damaged, or of another shape") from error
    head.requires_grad_(False)
    head.train(False)
    head.to(device)
