"""Versions on disk: whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlp.errors import RegistryError
from nlp.registry import MANIFEST, Registry, verify, write_manifest


@pytest.fixture
def made(tmp_path: Path) -> Path:
    folder = tmp_path / "made"
    (folder / "reply").mkdir(parents=True)
    (folder / "reply" / "model.safetensors").write_bytes(b"weights")
    (folder / "config.json").write_text("{}")
    return folder


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "models")


def test_a_published_version_verifies_and_can_be_promoted_and_rolled_back(
    registry: Registry, made: Path
) -> None:
    registry.publish("v1", made, {"loss": 1.0})
    registry.publish("v2", made, {})
    assert registry.names() == ["starter", "v1", "v2"]
    registry.promote("v1")
    registry.promote("v2")
    assert registry.current().name == "v2"
    assert registry.rollback().name == "v1"
    assert registry.current().name == "v1"
    assert registry.get("v1").facts == {"loss": 1.0}


@pytest.mark.parametrize("harm", ["changed", "missing", "extra", "no manifest", "broken manifest"])
def test_a_harmed_version_is_refused_with_its_reason(registry: Registry, made: Path, harm: str) -> None:
    folder = registry.publish("v1", made, {}).folder
    weights = folder / "reply" / "model.safetensors"
    if harm == "changed":
        weights.write_bytes(b"weightz")
    elif harm == "missing":
        weights.unlink()
    elif harm == "extra":
        (folder / "more.json").write_text("{}")
    elif harm == "no manifest":
        (folder / MANIFEST).unlink()
    else:
        (folder / MANIFEST).write_text("{")
    with pytest.raises(RegistryError, match="v1"):
        registry.promote("v1")


def test_pickles_are_never_published(registry: Registry, made: Path) -> None:
    (made / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(RegistryError, match=r"\.bin"):
        registry.publish("v1", made, {})
    assert registry.names() == ["starter"]


def test_a_name_can_be_used_once_and_must_be_a_plain_name(registry: Registry, made: Path) -> None:
    registry.publish("v1", made, {})
    with pytest.raises(RegistryError, match="exists"):
        registry.publish("v1", made, {})
    with pytest.raises(RegistryError, match="no model version"):
        registry.get("../made")


def test_nothing_to_roll_back_to_is_said(registry: Registry) -> None:
    with pytest.raises(RegistryError, match="no earlier version"):
        registry.rollback()


def test_the_manifest_is_written_last(made: Path) -> None:
    write_manifest(made, {})
    assert verify(made).name == "made"
