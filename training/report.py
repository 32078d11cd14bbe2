"""A page of plots for one evaluation: index.html and the pictures it shows. Knows figures, no model."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Figures = Mapping[str, Any]
INK, ACCENT, PALE = "#1f2933", "#0b7285", "#d0ebf0"
COLOURS = (ACCENT, "#e8590c", "#868e96")
BINS = 10
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1f2933; max-width: 62rem; margin: 2rem auto;
  padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem } img { max-width: 100% }
table { border-collapse: collapse } td, th { padding: .2rem .8rem .2rem 0; text-align: right }
td:first-child, th:first-child { text-align: left } th { border-bottom: 1px solid #adb5bd }
"""


def write_report(folder: Path, title: str, figures: Figures) -> Path:
    """Write the page of an evaluation's figures, drawn where that says more; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = [f"<h1>{html.escape(title)}</h1>", _verdict(figures.get("gate")), _numbers(figures)]
    for name, data in figures.get("plots", {}).items():
        heading, draw, note = _PLOTS[name]
        picture = folder / f"{name}.svg"
        figure = Figure(figsize=(7, 4.4), layout="constrained")
        draw(figure.add_subplot(), data)
        figure.savefig(picture)
        parts += [
            f"<h2>{html.escape(heading)}</h2>",
            f'<img src="{picture.name}" alt="{html.escape(heading)}">',
            f"<p>{html.escape(note)}</p>",
        ]
    page = folder / "index.html"
    page.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{_STYLE}</style><body>{''.join(parts)}</body></html>\n",
        encoding="utf-8",
    )
    return page


def _verdict(gate: Mapping[str, Any] | None) -> str:
    """What a gate decided, and everything that it looked at."""
    if gate is None:
        return ""
    rows = [("passed" if one["passed"] else "failed", one["said"]) for one in gate["checks"]]
    said = "It may go live." if gate["passed"] else "It was refused."
    return f"<p><strong>{said}</strong></p>" + _table(("check", "found"), rows)


def _numbers(figures: Figures) -> str:
    """Tables: plain numbers with their intervals, then one for each block of numbers."""
    spread = figures.get("interval", {})
    rows = [
        (name, _shown(value), " to ".join(_shown(end) for end in spread[name]) if name in spread else "")
        for name, value in figures.items()
        if isinstance(value, int | float | str)
    ]
    tables = [_table(("figure", "value", "95 % interval"), rows)]
    blocks = {n: b for n, b in figures.items() if isinstance(b, Mapping) and n not in ("plots", "interval")}
    same = [n for n in blocks if n in ("suggestions", "retrieval_only", "generation_only")]
    if same:
        lines = [(name, *(_shown(blocks[n].get(name, "")) for n in same)) for name in blocks[same[0]]]
        tables.append(_table(("replies", *same), lines))
    for name, block in blocks.items():
        if name in same or not block or name == "gate":
            continue
        if all(isinstance(value, Mapping) for value in block.values()):
            columns = list(next(iter(block.values())))
            lines = [(key, *(_shown(value[c]) for c in columns)) for key, value in block.items()]
            tables.append(_table((name, *columns), lines))
        else:
            tables.append(_table((name, ""), [(key, _shown(value)) for key, value in block.items()]))
    return "".join(tables)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    lines = "".join("<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{lines}</tbody></table>"


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 100 else f"{value:,.0f}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _confusion(axes: Axes, data: Figures) -> None:
    counts, labels = np.array(data["counts"]), data["labels"]
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    axes.imshow(shares, cmap="PuBuGn", vmin=0, vmax=1, aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        dark = shares[row, column] > 0.55
        axes.text(column, row, f"{count}", ha="center", va="center", color="white" if dark else INK)
    axes.set_xticks(range(len(labels)), labels)
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel="read as", ylabel="is")


def _reliability(axes: Axes, data: Figures) -> None:
    right, scores = np.array(data["right"], dtype=float), np.array(data["scores"])
    places = np.minimum((scores * BINS).astype(int), BINS - 1)
    full = [at for at in range(BINS) if (places == at).any()]
    axes.plot([0, 1], [0, 1], color="#adb5bd", linewidth=1)
    axes.plot(
        [scores[places == at].mean() for at in full],
        [right[places == at].mean() for at in full],
        marker="o",
        color=ACCENT,
    )
    axes.set(xlabel="probability that was given", ylabel="share that was right", xlim=(0, 1), ylim=(0, 1))


def _risk(axes: Axes, data: Figures) -> None:
    right, scores = np.array(data["right"], dtype=float), np.array(data["scores"])
    order = np.argsort(-scores, kind="stable")
    answered = np.arange(1, len(order) + 1)
    axes.plot(answered / len(order), 1 - np.cumsum(right[order]) / answered, color=ACCENT)
    axes.set(xlabel="share answered, the surest first", ylabel="share of them wrong", xlim=(0, 1))
    axes.set_ylim(bottom=0)


def _types(axes: Axes, data: Figures) -> None:
    kinds = sorted(data, key=lambda kind: data[kind]["n"])
    for offset, (name, colour) in enumerate(zip(("precision", "recall", "f1"), COLOURS, strict=True)):
        places = [at + 0.27 * (1 - offset) for at in range(len(kinds))]
        axes.barh(places, [data[kind][name] for kind in kinds], height=0.25, color=colour, label=name)
    axes.set_yticks(range(len(kinds)), [f"{kind} ({data[kind]['n']:.0f})" for kind in kinds])
    axes.set_xlim(0, 1)
    axes.legend(loc="lower right", frameon=False)


def _confused(axes: Axes, data: Sequence[tuple[str, str, int]]) -> None:
    pairs = list(reversed(data))
    axes.barh(range(len(pairs)), [times for *_, times in pairs], color=ACCENT)
    axes.set_yticks(range(len(pairs)), [f"{true} → {guess}" for true, guess, _ in pairs], fontsize=7)
    axes.set_xlabel("messages")


def _similarity(axes: Axes, data: Mapping[str, Sequence[float]]) -> None:
    edges = np.linspace(-0.1, 1, 23)
    for (name, values), colour in zip(data.items(), COLOURS, strict=False):
        axes.hist(values, edges.tolist(), histtype="step", linewidth=1.6, color=colour, label=name)
    axes.set(xlabel="cosine of the best of three and the true reply", ylabel="replies")
    axes.legend(frameon=False, loc="upper left")


def _gains(axes: Axes, data: Mapping[str, Sequence[float]]) -> None:
    names = sorted(data, key=lambda name: data[name][0])
    for at, name in enumerate(names):
        mean, low, high = data[name]
        axes.plot([low, high], [at, at], color=ACCENT, linewidth=1.4)
        axes.plot([mean], [at], marker="o", color=ACCENT)
    axes.axvline(0, color="#adb5bd", linewidth=1)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("similarity, candidate less champion")


def _loss(axes: Axes, data: Sequence[Mapping[str, float]]) -> None:
    axes.plot([row["step"] for row in data], [row["loss"] for row in data], marker=".", color=ACCENT)
    axes.set(xlabel="step", ylabel="loss on agents' words, nats a token")


_PLOTS: dict[str, tuple[str, Callable[[Axes, Any], None], str]] = {
    "confusion": ("What is taken for what", _confusion, "Rows are the truth; colour is the share of a row."),
    "reliability": (
        "Reliability",
        _reliability,
        "On the diagonal a probability means what it says; below it the model is too sure.",
    ),
    "risk": (
        "Risk and coverage",
        _risk,
        "How many errors would be made by acting on the surest readings only.",
    ),
    "types": ("By type", _types, "Exact spans; in brackets how many there are."),
    "confused": ("Taken for one another most often", _confused, "True intent → what was read."),
    "similarity": (
        "How near the best of three suggestions comes",
        _similarity,
        "Cosine of plain sentence vectors; 0 where nothing was suggested.",
    ),
    "gains": (
        "By group of questions",
        _gains,
        "Right of the line the candidate is better; bars are 95 % intervals over conversations.",
    ),
    "loss": ("Tuning the reply model", _loss, "What it was taught on; it decides nothing."),
}
