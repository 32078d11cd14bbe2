"""A reply model trained on a shop's conversations, asked about others of the same shop.

    python benchmarks/learning.py [--data DIR] [--only SET] [--minutes 45] [--models DIR] [--quick] [--json]

Of each public set 4,000 agent turns are trained on and 500 of other conversations are asked about, whole
conversations on either side. Beside what is suggested stand plain retrieval with the untouched encoder,
retrieval with the trained matcher, and the reply model alone, on the same turns in the same run. A version
that the same command trained before, in the same folder of models, is not trained again.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from harness import kept_rows, say, told, write_result

from nlp.registry import Registry, Version
from training import evaluate_replies, files
from training.files import Conversation
from training.round import Order, run

SETS = {
    "abcd": "en_abcd_retail_chat.jsonl",
    "multiwoz": "en_multiwoz_info_desk.jsonl",
    "cucom": "en_cucom_ecommerce_SYNTHETIC.jsonl.gz",
    "bitext": "en_bitext_request_reply.jsonl.gz",
}
LEARNED, ASKED = 4000, 500
"""Agent turns to learn from, and to ask about."""
SEED = 17
COLUMNS = (
    "suggestions",
    "retrieval_only",
    "matching_only",
    "generation_only",
    "without_generation",
    "agents",
)
HITS = {"abcd", "multiwoz"}
Table = list[dict[str, Any]]


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="benchmarks/learning.py", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of the public sets")
    parser.add_argument("--only", choices=list(SETS), action="append", help="this set alone")
    parser.add_argument("--minutes", type=float, default=45.0, help="to train for on each set")
    parser.add_argument("--models", type=Path, default=Path("build/learning"), help="where versions are kept")
    parser.add_argument("--quick", action="store_true", help="one small set, within two minutes")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(argv)
    folder = chosen.data / "conversations"
    if not folder.is_dir():
        say(f"learning: not measured: no folder of public sets at {chosen.data}; say --data DIR")
        return 0
    names = ["abcd"] if chosen.quick else (chosen.only or list(SETS))
    counts = (120, 12) if chosen.quick else (LEARNED, ASKED)
    rows: Table = []
    minutes = 0.1 if chosen.quick else chosen.minutes
    for name in names:
        rows += measured(name, folder / SETS[name], counts, minutes, chosen.models)
    if chosen.quick:
        result: dict[str, Any] = {"claim": "learning", "rows": rows}
    else:
        # Another set may have been measured meanwhile.
        rows = [*kept_rows("learning", "set", names), *rows]
        result = write_result("learning", rows, verdict(rows))
    return told(result, chosen.json)


def progress(what: str, done: int, total: int) -> None:
    """A line now and then."""
    if done % 20 == 0 or done == total:
        say(f"{what}: {done} of {total}")


def measured(name: str, path: Path, counts: tuple[int, int], minutes: float, models: Path) -> Table:
    """A row for what is suggested, for each of its parts, and for the agents themselves."""
    learn, ask = parts(path, *counts)
    models.mkdir(parents=True, exist_ok=True)
    learned = write(models / f"{name}.learn.jsonl", learn)
    version = trained(Order((learned,), minutes=minutes, seed=SEED), models)
    say(f"{name}: {version.name}")
    figures = evaluate_replies.replies(
        write(models / f"{name}.ask.jsonl", ask),
        version,
        memory=(),
        limit=None,
        seed=SEED,
        device="cpu",
        progress=progress,
    )
    common = {
        "set": name,
        "n": figures["n"],
        "learned_from": version.facts["lessons"],
        "minutes": round(float(str(version.facts["seconds"])) / 60, 1),
    }
    table: Table = []
    for column in COLUMNS:
        row = {**common, "what": column.replace("_", " "), **figures[column]}
        if column == "suggestions":
            row |= {hit: figures[hit] for hit in ("hit_at_1_of_10", "hit_at_1_of_100")}
            row |= {f"closed_{k}": value for k, value in figures["closed"].items()}
            row["interval_at_3"] = [round(end, 3) for end in figures["interval"]["similarity_at_3"]]
        table.append({k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()})
        say(f"  {table[-1]}")
    return table


def parts(path: Path, learn: int, ask: int) -> tuple[list[Conversation], list[Conversation]]:
    """Conversations to learn from and to ask about, drawn by the seed, so many agent turns of each."""
    found = list(files.rows(path, files.conversation_row))
    random.Random(SEED).shuffle(found)
    out: list[list[Conversation]] = []
    for wanted in (ask, learn):
        group, turns = [], 0
        while turns < wanted and found:
            group.append(found.pop())
            turns += len(evaluate_replies.answers(group[-1]))
        out.append(group)
    return out[1], out[0]


def write(path: Path, conversations: Iterable[Conversation]) -> Path:
    """The conversations as a file in the uniform format."""
    rows = [
        {"conversation_id": one.id, "turns": [{"role": t.role, "text": t.text} for t in one.turns]}
        for one in conversations
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def trained(order: Order, models: Path) -> Version:
    """The version of an order, trained now or found."""
    registry = Registry(models / "models")
    found = [one for one in versions_of(order.data[0], registry) if one.facts.get("minutes") == order.minutes]
    return found[-1] if found else run(order, registry, models / "work", progress)[0]


def versions_of(learned: Path, registry: Registry) -> list[Version]:
    """Versions that were trained on this file alone, oldest first."""
    wanted = [files.sha256(learned)]
    found = []
    for version in map(registry.get, registry.names()):
        data: Any = version.facts.get("data", ())
        if [one["sha256"] for one in data] == wanted:
            found.append(version)
    return found


def kept_version(name: str, models: Path) -> Version | None:
    """The newest version that was trained on a set, None where there is none."""
    learned = models / f"{name}.learn.jsonl"
    found = versions_of(learned, Registry(models / "models")) if learned.exists() else []
    return found[-1] if found else None


def verdict(rows: Table) -> dict[str, dict[str, Any]]:
    """What was aimed at and what came out."""
    out: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(row["set"] for row in rows):
        by_what = {row["what"]: row for row in rows if row["set"] == name}
        ours, agents = by_what["suggestions"], by_what["agents"]
        closed = ours["closed_similarity_at_3"]
        out[f"{name}: distance closed at 3"] = {"value": closed, "aim": 0.15, "ok": closed >= 0.15}
        if name in HITS:
            hit = ours["hit_at_1_of_10"]
            out[f"{name}: true reply first of 10"] = {"value": hit, "aim": 0.70, "ok": hit >= 0.70}
        right = ours["slot_precision"]
        out[f"{name}: slot precision"] = {"value": right, "aim": 0.95, "ok": right >= 0.95}
        repeated, own = ours["repeated_4gram_rate"], agents["repeated_4gram_rate"]
        out[f"{name}: repeated 4-grams, agents' own"] = {"value": repeated, "aim": own, "ok": repeated <= own}
    return out


if __name__ == "__main__":
    raise SystemExit(main())
