"""Twenty broken version folders, really loaded where they verify: each is refused, the old one serves on."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from bot.brains import Brains
from bot.messages import Actor
from bot.new_intents import NewIntents
from bot.promotion import Promotion
from bot.settings import Settings
from nlp.registry import MANIFEST, STARTER, STARTER_FOLDER, Registry, write_manifest
from nlp.serving import Serving
from storage.database import Database
from storage.errors import Conflict
from tests.bot.house import House

ADA = Actor("ada@example.com")
NAME = "2026-11-29-1"
WEIGHTS = "reply/model.safetensors"


def changed_tensors(file: str, change: Callable[[dict[str, np.ndarray]], None]) -> Callable[[Path], None]:
    """Change a file of tensors, and make the manifest agree: only loading can find it."""

    def harm(folder: Path) -> None:
        tensors = load_file(folder / file)
        change(tensors)
        save_file(tensors, folder / file)
        write_manifest(folder, {})

    return harm


def changed_json(file: str, **values: object) -> Callable[[Path], None]:
    def harm(folder: Path) -> None:
        told = json.loads((folder / file).read_text())
        (folder / file).write_text(json.dumps(told | values))
        write_manifest(folder, {})

    return harm


def without(*files: str) -> Callable[[Path], None]:
    """Gone, with a manifest that never knew them."""

    def harm(folder: Path) -> None:
        for file in files:
            (folder / file).unlink()
        write_manifest(folder, {})

    return harm


def narrowed(tensors: dict[str, np.ndarray]) -> None:
    name = next(name for name in sorted(tensors) if name.endswith("mlp.c_fc.weight"))
    tensors[name] = np.ascontiguousarray(tensors[name][:, :-8])


def emptied(tensors: dict[str, np.ndarray]) -> None:
    for name in [name for name in tensors if ".h.1." in name or name.startswith("h.1.")]:
        del tensors[name]


def shorter(tensors: dict[str, np.ndarray]) -> None:
    tensors["weights"] = tensors["weights"][:-1]


def manifest(text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / MANIFEST).write_text(text) and None


HARMS: dict[str, Callable[[Path], object]] = {
    "no manifest": lambda folder: (folder / MANIFEST).unlink(),
    "an empty manifest": manifest(""),
    "a manifest that is a list": manifest("[]"),
    "a manifest without files": manifest('{"facts": {}}'),
    "half a manifest": lambda folder: (folder / MANIFEST).write_text((folder / MANIFEST).read_text()[:200]),
    "a missing file": lambda folder: (folder / WEIGHTS).unlink(),
    "cut off weights": lambda folder: (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:9_999]),
    "empty weights": lambda folder: (folder / WEIGHTS).write_bytes(b""),
    "a changed byte": lambda folder: _flip(folder / WEIGHTS),
    "changed settings": lambda folder: (folder / "reply/config.json").write_text("{}"),
    "a pickle beside it": lambda folder: (folder / "reply/pytorch_model.bin").write_bytes(pickle.dumps({})),
    "a script beside it": lambda folder: (folder / "reply/modeling.py").write_text("print('hello')"),
    "weights that are a pickle": lambda folder: (folder / WEIGHTS).write_bytes(pickle.dumps({})),
    "a folder in the place of weights": lambda folder: (
        (folder / WEIGHTS).unlink(),
        (folder / WEIGHTS).mkdir(),
    ),
    "refused by the gate": lambda folder: write_manifest(
        folder, {"gate": {"passed": False, "reasons": ["it leaks"]}}
    ),
    "weights of another shape": changed_tensors(WEIGHTS, narrowed),
    "weights without a layer": changed_tensors(WEIGHTS, emptied),
    "a score of other features": changed_tensors("reply/ranker.safetensors", shorter),
    "no matcher": without("reply/matcher.safetensors"),
    "no tokeniser": without("reply/tokenizer.json", "reply/vocab.json", "reply/merges.txt"),
    "settings of another model": changed_json("reply/config.json", n_embd=192, n_head=4),
}


def _flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


@pytest.fixture
async def serving() -> AsyncIterator[Serving]:
    made = Serving()
    yield made
    await made.close()


@pytest.mark.slow
async def test_no_broken_version_goes_live_and_the_old_one_serves_on(
    house: House, serving: Serving, tmp_path: Path
) -> None:
    assert len(HARMS) >= 20
    promotion, brains, named = await serving_starter(house.db, serving, tmp_path)
    before = serving._lane
    for what, harm in HARMS.items():
        folder = tmp_path / "models" / NAME
        shutil.copytree(STARTER_FOLDER, folder)
        harm(folder)
        with pytest.raises(Conflict) as refused:
            await promotion.promote(NAME, ADA)
        assert len(str(refused.value).splitlines()) == 1, what
        assert serving._lane is before, f"{what}: the old brain is the very same"
        assert Registry(tmp_path / "models").current_name() == STARTER, what
        shutil.rmtree(folder)
    async with serving.lease() as brain:
        assert (await brain.understand("Where is my order TT-104823?")).language == "en"
    await brains.close()
    await named.close()


async def serving_starter(
    db: Database, serving: Serving, folder: Path
) -> tuple[Promotion, Brains, NewIntents]:
    """The shipped models, served as in a house without a shop."""
    settings = Settings(data_dir=folder)
    named = NewIntents(db, serving)
    brains = Brains(db, settings, serving, named, load_brain=None, demo=False)
    await brains.load()
    return Promotion(db, settings, brains), brains, named
