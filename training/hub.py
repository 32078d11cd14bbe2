"""Folders of models in Hugging Face layout: a path, or an id of the Hub; safetensors only.

Nothing is fetched unless somebody names an id that is no folder here. Knows files; knows no model.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

from nlp.errors import ModelError

_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")
_WANTED = ("*.json", "*.safetensors", "*.txt", "*.model")
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.h5", "*.msgpack")
_CONVERT = (
    "choose one with model.safetensors, or convert it on a machine where that does no harm "
    """(python -c "from transformers import AutoModel; """
    """AutoModel.from_pretrained('OLD').save_pretrained('NEW')"), """
    "copy the tokeniser's files to NEW as well, and pass that folder's path"
)


@dataclass(frozen=True, slots=True)
class Found:
    """A model's folder, what a model card calls it, and where it is from."""

    path: Path
    name: str
    source: str


def model_folder(name: str) -> Found:
    """The folder of a path or of a Hub id, checked for safetensors; raises ModelError."""
    path = Path(name).expanduser()
    if path.is_dir():
        # Its last part alone: what a machine's folders are called is nobody else's business.
        found = Found(path, path.resolve().name, "a local folder")
    elif _ID.fullmatch(name):
        path = _fetched(name)
        found = Found(path, name, f"Hugging Face Hub, revision {path.name[:12]}")
    else:
        raise ModelError(f"there is no folder {name}; pass one that holds config.json and model.safetensors")
    _check(path, name)
    return found


def read_config(folder: Path) -> dict[str, Any]:
    """What config.json says; raises ModelError."""
    try:
        found = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder.name}: config.json can't be read; download the folder again") from error
    if not isinstance(found, dict):
        raise ModelError(f"{folder.name}: config.json is no JSON object; download the folder again")
    return found


def _fetched(name: str) -> Path:
    unknown = f"nothing here is called {name}"
    try:
        return Path(snapshot_download(name, allow_patterns=list(_WANTED), ignore_patterns=["*/*"]))
    except RepositoryNotFoundError as error:
        raise ModelError(
            f"{unknown}, and the Hugging Face Hub has none of that name to show; check how it is spelt"
        ) from error
    # Everything that a connection can do wrong is an OSError.
    except (OSError, HFValidationError) as error:
        raise ModelError(
            f"{unknown}, and can't be fetched from the Hugging Face Hub; download it where there is a "
            f"connection (`hf download {name} --local-dir FOLDER`), bring the folder here and pass its path"
        ) from error


def _check(folder: Path, name: str) -> None:
    if not (folder / "config.json").is_file():
        raise ModelError(f"{name} has no config.json; pass the folder that holds it and model.safetensors")
    if any((folder / weights).is_file() for weights in _WEIGHTS):
        return
    if any(found for pattern in _PICKLED for found in folder.glob(pattern)):
        raise ModelError(
            f"{name} holds pickled weights only, which can run code when they are loaded; {_CONVERT}"
        )
    raise ModelError(f"{name} has no model.safetensors; {_CONVERT}")
