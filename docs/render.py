"""Render what the documents repeat from elsewhere: the README's tree and the benchmark tables.

    python docs/render.py           write them
    python docs/render.py --check   exit 1 where they are out of date

The tree's lines are the first sentences of the modules themselves, so that the two can't disagree.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("bot", "nlp", "storage", "training", "benchmarks", "docs")
SAID = 84
QUALITY, LEARNING = "quality", "learning"
"""The results that have a page of their own."""


def tracked() -> list[Path]:
    """Files that git knows or would add, below the folders of the tree."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *FOLDERS]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    found = [Path(name) for name in names if name and (ROOT / name).exists()]
    return sorted(found, key=lambda path: (path.parent.parts, path.name))


def tree(files: list[Path]) -> str:
    """One line a module, its folder above it, with what the module says of itself."""
    lines: list[str] = []
    folder = Path()
    for path in files:
        said = sentence(ROOT / path)
        if said is None:
            continue
        if path.parent != folder:
            folder = path.parent
            lines.append(f"{folder}/")
        lines.append(f"  {path.name:<22} {textwrap.shorten(said, SAID, placeholder=' …')}")
    return "\n".join(lines)


def sentence(path: Path) -> str | None:
    """The first sentence of a module's docstring or opening comment; None for other files."""
    if path.suffix == ".py" and path.name != "__init__.py":
        said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        return _first(said)
    if path.suffix == ".js":
        opening = re.match(r"\s*(?:/\*+|//)\s*(.+?)\s*(?:\*/)?\n", path.read_text(encoding="utf-8"))
        return _first(opening[1]) if opening else ""
    return None


def _first(text: str) -> str:
    line = " ".join(text.split("\n\n")[0].split())
    return re.split(r"(?<=[a-z)])\.(?:\s|$)", line)[0]


def tables() -> str:
    """Every kept benchmark result as a table, newest figures only."""
    parts = [
        "# Benchmarks",
        "",
        "Rendered from `benchmarks/results/*.json`; each script measures one claim.",
        "",
    ]
    for path in sorted((ROOT / "benchmarks" / "results").glob("*.json")):
        if path.stem not in (QUALITY, LEARNING):
            result = json.loads(path.read_text(encoding="utf-8"))
            parts += [f"## {result['claim']}", "", *measured_on(result), *table(result["rows"])]
            parts += verdict(result)
    return "\n".join(parts)


def quality() -> str:
    """The figures on real data, a table for each task."""
    path = ROOT / "benchmarks" / "results" / f"{QUALITY}.json"
    result = json.loads(path.read_text(encoding="utf-8"))
    parts = [
        "# Quality",
        "",
        "Rendered from what `benchmarks/quality.py` kept, peers in the same run.",
        "",
        *measured_on(result),
    ]
    for task in dict.fromkeys(row["task"] for row in result["rows"]):
        rows = [
            {k: v for k, v in row.items() if k != "task"} for row in result["rows"] if row["task"] == task
        ]
        parts += [f"## {task.capitalize()}", "", *table(rows)]
    return "\n".join([*parts, "## Aims", "", *verdict(result), *learning()])


def learning() -> list[str]:
    """What training on a shop's conversations gains, where it was measured."""
    path = ROOT / "benchmarks" / "results" / f"{LEARNING}.json"
    if not path.exists():
        return []
    result = json.loads(path.read_text(encoding="utf-8"))
    return [
        "## Replies, trained on the shop's own conversations",
        "",
        "By `benchmarks/learning.py`: other conversations of the same set are asked about.",
        "",
        *measured_on(result),
        *table(result["rows"]),
        *verdict(result),
    ]


def measured_on(result: dict[str, Any]) -> list[str]:
    """When, and on which machine."""
    machine = result["machine"]
    return [f"{result['date']}, {machine['cores']} cores of {machine['cpu']}.", ""]


def verdict(result: dict[str, Any]) -> list[str]:
    """What was aimed at and what came out."""
    return [
        *(
            f"- {name}: {one['value']}, aim {one['aim']}: {'met' if one['ok'] else 'missed'}"
            for name, one in result["verdict"].items()
        ),
        "",
    ]


def table(rows: list[dict[str, object]]) -> list[str]:
    """Rows of one shape as a Markdown table."""
    if not rows:
        return []
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(str(row.get(name, "")) for name in names) + " |" for row in rows]
    return [*lines, ""]


def readme() -> str:
    """The README with its tree made anew."""
    old = (ROOT / "README.md").read_text(encoding="utf-8")
    made = f"<!-- tree -->\n```\n{tree(tracked())}\n```\n<!-- /tree -->"
    return re.sub(r"<!-- tree -->.*<!-- /tree -->", lambda _: made, old, flags=re.DOTALL)


DOCUMENTS: dict[str, Callable[[], str]] = {
    "README.md": readme,
    "docs/benchmarks.md": tables,
    "docs/quality.md": quality,
}


def stale() -> list[str]:
    """Documents that differ from what would be rendered now."""
    found = []
    for name, render in DOCUMENTS.items():
        path = ROOT / name
        if not path.exists() or path.read_text(encoding="utf-8") != render():
            found.append(name)
    return found


def main() -> int:
    """Command line."""
    if "--check" in sys.argv:
        if found := stale():
            sys.stderr.write(f"out of date: {', '.join(found)}; run `make docs`\n")
        return 1 if found else 0
    for name, render in DOCUMENTS.items():
        (ROOT / name).write_text(render(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
