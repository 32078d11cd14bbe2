"""The house keeps its own rules: modules say what they are, import alone, and documents are true."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("bot", "nlp", "storage", "training")
MODULES = sorted(p for package in PACKAGES for p in (ROOT / package).rglob("*.py"))
BY_ALEMBIC = "migrations"
"""Alembic runs these with a context of its own; nobody imports them."""

LONGEST_FILE, LONGEST_FUNCTION = 400, 60


def name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("path", [p for p in MODULES if p.name != "__init__.py"], ids=name)
def test_a_module_says_what_it_is_and_stays_readable(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "no module docstring"
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < LONGEST_FUNCTION, node.name


def test_every_module_imports_alone() -> None:
    names = [name(p) for p in MODULES if BY_ALEMBIC not in p.parts]
    # One process a package: its modules in turn, each from a clean slate of ours, torch kept loaded.
    script = """
import importlib, sys
ours = ("bot", "nlp", "storage", "training")
for name in sys.argv[1:]:
    for known in [m for m in sys.modules if m.split(".")[0] in ours]:
        del sys.modules[known]
    importlib.import_module(name)
"""
    done = subprocess.run([sys.executable, "-c", script, *names], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_storage_and_bot_start_without_torch() -> None:
    script = "import sys, bot.app, bot.cli, storage.database; assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_rendered_documents_are_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("render", ROOT / "docs" / "render.py")
    assert spec and spec.loader
    render = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(render)
    assert render.stale() == [], "run `make docs`"


def test_the_starter_is_whole() -> None:
    from nlp.registry import STARTER, STARTER_FOLDER, verify

    version = verify(STARTER_FOLDER, STARTER)
    weights = [p.stat().st_size for p in STARTER_FOLDER.rglob("*.safetensors")]
    assert sum(weights) < 30e6
    assert (version.reply / "README.md").exists() and (version.heads / "README.md").exists()


def test_the_starter_loads_as_any_hugging_face_folder() -> None:
    from transformers import GPT2LMHeadModel, GPT2Tokenizer

    from nlp.registry import STARTER_FOLDER

    model = GPT2LMHeadModel.from_pretrained(STARTER_FOLDER / "reply", local_files_only=True)
    tokenizer = GPT2Tokenizer.from_pretrained(STARTER_FOLDER / "reply", local_files_only=True)
    assert model.config.vocab_size == len(tokenizer)
