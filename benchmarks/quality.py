"""Quality of readings and replies on real data, peers beside ours: rendered in docs/quality.md.

    python benchmarks/quality.py [--data DIR] [--only TASK] [--quick] [--json]
    python benchmarks/quality.py --drafts 50 --out DIR    a page of real drafts beside the true replies

Of a file that something was trained on, only the rows that training held out are judged. Peers:
VADER and a linear head on the frozen encoder (sentiment), the recognisers alone and Presidio (entities),
retrieval alone and generation alone (replies); they are measured on the same rows in the same run.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from drafts_page import page_of_drafts
from harness import kept_rows, say, told, write_result
from peer_presidio import Presidio
from sklearn.linear_model import LogisticRegression
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from nlp.reading import Reader
from nlp.recognisers import recognise
from nlp.registry import STARTER, STARTER_FOLDER, Version, verify
from nlp.types import Entity
from training import evaluate, evaluate_replies, files
from training.heads import HERE, LABELS, WRITTEN
from training.measures import macro_f1
from training.reading_sets import Row, sentiment_rows
from training.tagging_sets import HELD_OUT, SETS
from training.values import Filler

SEED = 17
SHOP = Path("bot/demo")
CHINESE = "zh_asap_reviews.jsonl"
"""Measured to show what the model card says: English only."""
PERSONAL = ("email", "phone", "card", "iban", "account_id", "person", "address")
REPLY_SETS = (
    "en_abcd_retail_chat.jsonl",
    "en_bitext_request_reply.jsonl.gz",
    "en_cucom_ecommerce_SYNTHETIC.jsonl.gz",
    "en_multiwoz_info_desk.jsonl",
    "en_star_services.jsonl.gz",
    "en_sgd_services.jsonl.gz",
    "zh_crosswoz_info_desk.jsonl",
)
INTENT_FIGURES = (
    "n",
    "accuracy",
    "macro_f1",
    "calibration_error",
    "in_scope_accuracy",
    "out_of_scope_recall",
)
HITS = ("hit_at_1_of_10", "hit_at_1_of_100")
INTENT_SETS = (
    "en_banking77.jsonl",
    "en_clinc150_oos.jsonl",
    "en_bitext_intents.jsonl",
    "en_nlupp_intents.jsonl",
    "en_multidogo_intents.jsonl",
)
Table = list[dict[str, Any]]


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="benchmarks/quality.py", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of the public sets")
    parser.add_argument("--only", choices=list(TASKS), action="append", help="measure this task alone")
    parser.add_argument("--quick", action="store_true", help="few rows of each, within two minutes")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--drafts", type=int, metavar="N", help="write a page of N drafts instead")
    parser.add_argument("--out", type=Path, default=Path("build/drafts"), help="where that page goes")
    parser.add_argument(
        "--models", type=Path, default=Path("build/learning"), help="versions of benchmarks/learning.py"
    )
    chosen = parser.parse_args(argv)
    if not chosen.data.is_dir():
        say(f"quality: not measured: no folder of public sets at {chosen.data}; say --data DIR")
        return 0
    version = verify(STARTER_FOLDER, STARTER)
    if chosen.drafts:
        print(page_of_drafts(chosen.data, version, chosen.drafts, SEED, chosen.out, chosen.models))
        return 0
    rows: Table = []
    tasks = chosen.only or list(TASKS)
    for task in tasks:
        say(f"{task}:")
        rows += [{"task": task, **row} for row in TASKS[task](chosen.data, version, chosen.quick)]
    if chosen.quick:
        result = {"claim": "quality", "rows": rows}
    else:
        rows = [*kept_rows("quality", "task", tasks), *rows]
        result = write_result("quality", rows, verdict(rows))
    return told(result, chosen.json)


def progress(*done: Any) -> None:
    """Nothing: a line a set is enough here."""


def filler() -> Filler:
    shown = json.loads((SHOP / "shop.json").read_text(encoding="utf-8"))
    return Filler(shown["facts"], shown["products"], SEED)


# --- sentiment ---


def sentiment(data: Path, version: Version, quick: bool) -> Table:
    reader = Reader.load(version.heads)
    rows = sentiment_rows(data, WRITTEN, LABELS, SHOP, filler(), SEED)
    frozen = frozen_head(reader, [row for row in rows if not row.held_out])
    vader = SentimentIntensityAnalyzer()
    table: Table = []
    for name, texts, truth, kind in sentiment_sets(data, rows):
        if quick:
            texts, truth = texts[:200], truth[:200]
        with written({"text": t, "label": y} for t, y in zip(texts, truth, strict=True)) as path:
            ours = evaluate.sentiment(path, reader, names={}, limit=None, seed=SEED, progress=progress)
        began = time.monotonic()
        guesses = {"vader": [vader_mood(vader, text) for text in texts]}
        seconds = time.monotonic() - began
        guesses["frozen head"] = list(frozen.predict(reader.encoder.embed(texts)))
        table.append(
            {
                "set": name,
                "rows": kind,
                "n": ours["n"],
                "accuracy": r(ours["accuracy"]),
                "macro_f1": r(ours["macro_f1"]),
                "interval": [r(end) for end in ours["interval"]["macro_f1"]],
                "macro_recall": r(ours["macro_recall"]),
                "calibration_error": r(ours["calibration_error"]),
                "vader_macro_f1": r(macro_f1(truth, guesses["vader"])),
                "frozen_head_macro_f1": r(macro_f1(truth, guesses["frozen head"])),
                "per_second": round(ours["items_per_second"]),
                "vader_per_second": round(len(texts) / max(seconds, 1e-9)),
            }
        )
        say(f"  {table[-1]}")
    return table


def sentiment_sets(data: Path, rows: Sequence[Row]) -> Iterator[tuple[str, list[str], list[str], str]]:
    """(name, texts, labels, which rows) of each set that is judged."""
    hard = [files.sentiment_row(raw) for _, raw in files.raw_rows(HERE / "sentiment_test.jsonl")]
    yield "hard customer messages", [o.text for o in hard], [o.label for o in hard], "all, never trained on"
    names = {"customers": "labelled public customer turns", "written": "written customer messages"}
    for source in ("customers", "written", "uci", "goemotions"):
        held = [row for row in rows if row.held_out and row.source == source]
        yield names.get(source, source), [o.text for o in held], [o.label for o in held], "held out"
    chinese = list(files.rows(data / "sentiment" / CHINESE, files.sentiment_row))
    yield "Chinese reviews", [o.text for o in chinese], [o.label for o in chinese], "all; not served"


def frozen_head(reader: Reader, rows: Sequence[Row]) -> LogisticRegression:
    """A linear head on the plain embeddings, with the same rows and weights as ours."""
    vectors = reader.encoder.embed([row.text for row in rows])
    head = LogisticRegression(C=10.0, max_iter=500)
    return head.fit(vectors, [row.label for row in rows], [row.weight for row in rows])


def vader_mood(vader: SentimentIntensityAnalyzer, text: str) -> str:
    """VADER's own thresholds of its compound score (Hutto and Gilbert, 2014)."""
    score = vader.polarity_scores(text)["compound"]
    return "positive" if score >= 0.05 else "negative" if score <= -0.05 else "neutral"


# --- entities ---


class Rules:
    """The recognisers alone, in the place of a reader."""

    def entities(self, texts: Sequence[str]) -> list[tuple[Entity, ...]]:
        return [tuple(recognise(text)) for text in texts]


def presidio() -> Presidio | None:
    try:
        return Presidio()
    except ImportError:
        say('  no Presidio here, so its columns are left out; to have them: pip install -e ".[bench]"')
        return None


def entities(data: Path, version: Version, quick: bool) -> Table:
    """Presidio knows no orders, products or companies: compare its recall on personal data above all."""
    reader = Reader.load(version.heads)
    peer = presidio()
    table: Table = []
    for public in SETS:
        source = public.file.split(".")[0]
        raws = []
        for _, raw in files.raw_rows(data / "ner" / public.file):
            row = files.tagged_row(raw)
            if files.held_out(evaluate.place(row.tokens, row.text)[0], HELD_OUT):
                raws.append(raw)
        with written(raws[:150] if quick else raws) as path:
            ours, rules, *others = (
                evaluate.entities(path, one, names={}, limit=None, seed=SEED, progress=progress)
                for one in (reader, Rules(), *([peer] if peer else ()))
            )
        table.append(
            {
                "set": source,
                "rows": "held out",
                "n": ours["n"],
                "spans": ours["spans"],
                "precision": r(ours["precision"]),
                "recall": r(ours["recall"]),
                "f1": r(ours["f1"]),
                "interval": [r(end) for end in ours["interval"]["f1"]],
                "recognisers_f1": r(rules["f1"]),
                "personal_recall": personal_recall(ours),
                "per_second": round(ours["items_per_second"]),
                **{
                    key: value
                    for other in others
                    for key, value in (
                        ("peer", peer.name if peer else ""),
                        ("presidio_f1", r(other["f1"])),
                        ("presidio_personal_recall", personal_recall(other)),
                        ("presidio_per_second", round(other["items_per_second"])),
                    )
                },
            }
        )
        say(f"  {table[-1]}")
    return table


def personal_recall(figures: Mapping[str, Any]) -> dict[str, str]:
    return {
        kind: f"{of['recall']:.3f} ({of['covered']:.3f}) of {of['n']}"
        for kind, of in figures["types"].items()
        if kind in PERSONAL and of["n"]
    }


# --- intents ---


def intents(data: Path, version: Version, quick: bool) -> Table:
    reader = Reader.load(version.heads)
    table: Table = []
    for name in INTENT_SETS:
        for shots in (10,) if quick else (5, 10, 20):
            found = evaluate.intents(
                data / "intent" / name,
                reader,
                shots=shots,
                examples=None,
                limit=500 if quick else None,
                seed=SEED,
                progress=progress,
            )
            table.append(
                {
                    "set": name.split(".")[0],
                    "examples_each": shots,
                    **{key: r(found[key]) for key in INTENT_FIGURES if key in found},
                    "interval": [r(end) for end in found["interval"]["accuracy"]],
                }
            )
            say(f"  {table[-1]}")
    return table


# --- replies ---


def replies(data: Path, version: Version, quick: bool) -> Table:
    table: Table = []
    for name in REPLY_SETS:
        path = data / "conversations" / name
        found = evaluate_replies.replies(
            path, version, memory=(), limit=40 if quick else 100, seed=SEED, device="cpu", progress=progress
        )
        for column in ("suggestions", "retrieval_only", "matching_only", "generation_only"):
            block = found[column]
            table.append(
                {
                    "set": name.split(".")[0],
                    "n": found["n"],
                    "what": column.replace("_", " "),
                    **{key: r(value) for key, value in block.items()},
                    **{hit: r(found[hit]) for hit in HITS if column == "suggestions"},
                }
            )
        table.append(
            {
                "set": name.split(".")[0],
                "n": found["n"],
                "what": "agents",
                **{k: r(v) for k, v in found["agents"].items()},
            }
        )
        say(f"  {table[-5]}")
    return table


TASKS: dict[str, Callable[[Path, Version, bool], Table]] = {
    "sentiment": sentiment,
    "entities": entities,
    "intents": intents,
    "replies": replies,
}


def verdict(rows: Table) -> dict[str, dict[str, Any]]:
    """What was aimed at and what came out."""

    def of(task: str, name: str, key: str, aim: float, **more: Any) -> dict[str, Any]:
        found = [
            row[key]
            for row in rows
            if row["task"] == task and row["set"] == name and all(row.get(k) == v for k, v in more.items())
        ]
        return {"value": found[0] if found else None, "aim": aim, "ok": bool(found) and found[0] >= aim}

    return {
        "sentiment, hard messages, macro F1": of("sentiment", "hard customer messages", "macro_f1", 0.70),
        "banking77, 10 examples, accuracy": of("intents", "en_banking77", "accuracy", 0.80, examples_each=10),
        "CLINC150, 10 examples, in scope": of(
            "intents", "en_clinc150_oos", "in_scope_accuracy", 0.90, examples_each=10
        ),
        "CLINC150, 10 examples, out-of-scope recall": of(
            "intents", "en_clinc150_oos", "out_of_scope_recall", 0.60, examples_each=10
        ),
        **{
            f"entities, {name}, F1": of("entities", name, "f1", 0.85)
            for name in ("en_multidogo_slots", "en_nlupp_slots", "en_restaurant8k", "en_sgd_slots")
        },
    }


def r(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value


class written:  # noqa: N801 - reads as the statement that it is
    """A file in the uniform format, for as long as it is needed."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._rows = list(rows)

    def __enter__(self) -> Path:
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in self._rows), encoding="utf-8")
        return path

    def __exit__(self, *error: object) -> None:
        self._folder.cleanup()


if __name__ == "__main__":
    raise SystemExit(main())
