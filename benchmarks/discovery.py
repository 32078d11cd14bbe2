"""New intents found in unlabelled messages: hidden labels of public sets, beside k-means and HDBSCAN.

    python benchmarks/discovery.py [--data DIR] [--quick] [--json]

Every message of a set is grouped without its label; adjusted mutual information (AMI) and adjusted Rand
index (ARI) compare the groups with the labels, what is in no group counting as one group. Peers, in the
same run on the same vectors: k-means that is told the true number of intents, k-means with our number of
groups, and HDBSCAN (leaf) on the same 64 dimensions. Our one threshold was chosen on banking77, CLINC150
and Bitext; MultiDoGO had no part in it. Then intents of CLINC150 are named by their central messages, and
`recognised` is the share of their other messages that are read as such, `mistaken` that of all other
intents' messages. Last, the time and memory of 20,000 messages.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from harness import say, told, write_result
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

from nlp.discovery import DIMENSIONS, SHARE, SMALLEST, grouped
from nlp.encoder import Encoder
from nlp.named import NamedIntents
from nlp.types import OUT_OF_SCOPE
from training.files import intent_row, rows

SEED = 17
SETS = ("en_banking77", "en_clinc150_oos", "en_bitext_intents", "en_multidogo_intents")
NAMED_ON = "en_clinc150_oos"
EXAMPLES, DRAWS = 40, 4
Table = list[dict[str, Any]]
Data = tuple[list[str], Any, Any]
"""Texts, labels, vectors."""


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="benchmarks/discovery.py", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of the public sets")
    parser.add_argument("--quick", action="store_true", help="2,000 messages of each, within two minutes")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(argv)
    if not chosen.data.is_dir():
        say(f"discovery: not measured: no folder of public sets at {chosen.data}; say --data DIR")
        return 0
    encoder = Encoder.load()
    sets = {name: loaded(chosen.data, name, encoder, 2_000 if chosen.quick else None) for name in SETS}
    table: Table = []
    for row in measured(sets, chosen.quick):
        table.append(row)
        say(f"  {row}")
    if chosen.quick:
        result: dict[str, Any] = {"claim": "discovery", "rows": table}
    else:
        result = write_result("discovery", table, verdict(table))
    return told(result, chosen.json)


def loaded(data: Path, name: str, encoder: Encoder, limit: int | None) -> Data:
    found = [
        row
        for row in rows(data / "intent" / f"{name}.jsonl", intent_row)
        if row.label not in ("oos", OUT_OF_SCOPE)
    ]
    if limit is not None and len(found) > limit:
        drawn = np.sort(np.random.default_rng(SEED).permutation(len(found))[:limit])
        found = [found[at] for at in drawn]
    texts = [row.text for row in found]
    say(f"{name}: {len(texts)} messages are embedded")
    return texts, np.array([row.label for row in found]), encoder.embed(texts)


def measured(sets: dict[str, Data], quick: bool) -> Iterator[dict[str, Any]]:
    for name, (texts, labels, vectors) in sets.items():
        began = time.monotonic()
        ours = grouped(texts, vectors, seed=SEED)
        yield row(name, "ours", labels, ours, time.monotonic() - began)
        many, found = len(set(labels)), len(set(ours[ours >= 0]))
        for what, peer in (
            ("k-means, told the true number", lambda v=vectors, k=many: kmeans(v, k)),
            ("k-means, our number", lambda v=vectors, k=found: kmeans(v, k)),
            ("HDBSCAN", lambda v=vectors: hdbscan(v)),
        ):
            began = time.monotonic()
            yield row(name, what, labels, peer(), time.monotonic() - began)
    yield from recognition(*sets[NAMED_ON][1:], 10 if quick else EXAMPLES)
    if not quick:
        yield scale(sets)


def kmeans(vectors: Any, count: int) -> Any:
    return KMeans(max(count, 1), n_init=3, random_state=SEED).fit_predict(vectors)


def hdbscan(vectors: Any) -> Any:
    near = PCA(DIMENSIONS, random_state=SEED).fit_transform(vectors)
    near /= np.maximum(np.linalg.norm(near, axis=1, keepdims=True), 1e-9)
    least = max(SMALLEST, round(SHARE * len(vectors)))
    return HDBSCAN(
        min_cluster_size=least, min_samples=3, cluster_selection_method="leaf", copy=True
    ).fit_predict(near)


def row(name: str, method: str, labels: Any, groups: Any, seconds: float) -> dict[str, Any]:
    inside = groups >= 0
    return {
        "set": name,
        "method": method,
        "n": len(labels),
        "intents": len(set(labels)),
        "groups": len(set(groups[inside])),
        "share_grouped": round(float(inside.mean()), 3),
        "ami": round(float(adjusted_mutual_info_score(labels, groups)), 3),
        "ari": round(float(adjusted_rand_score(labels, groups)), 3),
        "ami_of_grouped": round(float(adjusted_mutual_info_score(labels[inside], groups[inside])), 3),
        "seconds": round(seconds, 1),
    }


def recognition(labels: Any, vectors: Any, examples: int) -> Iterator[dict[str, Any]]:
    """Half of the set is the log, its central messages are named; the other half asks."""
    rng = np.random.default_rng(SEED)
    order = rng.permutation(len(labels))
    labels, vectors = labels[order], vectors[order]
    log, asked = slice(0, len(labels) // 2), slice(len(labels) // 2, None)
    for count in (1, 3, 10):
        figures = []
        for _ in range(DRAWS):
            chosen = rng.choice(sorted(set(labels)), count, replace=False)
            given, names = central(labels[log], vectors[log], chosen, examples)
            head = NamedIntents()
            head.learn(names, given, vectors[log][:2_000])
            read = np.array(head.names(vectors[asked]))
            theirs = np.isin(labels[asked], chosen)
            right = float(np.mean(read[theirs] == labels[asked][theirs]))
            figures.append((right, float(np.mean(read[~theirs] != OUT_OF_SCOPE))))
        recognised, mistaken = np.mean(figures, axis=0)
        yield {
            "set": NAMED_ON,
            "method": f"{count} named, {examples} examples each",
            "n": len(labels[asked]),
            "recognised": round(float(recognised), 3),
            "mistaken": round(float(mistaken), 4),
        }


def central(labels: Any, vectors: Any, chosen: Any, examples: int) -> tuple[Any, list[str]]:
    """The most central messages of each chosen intent, as a group would hold them."""
    kept, names = [], []
    for name in chosen:
        own = vectors[labels == name]
        best = own[np.argsort(-(own @ own.mean(axis=0)))[:examples]]
        kept.append(best)
        names += [str(name)] * len(best)
    return np.concatenate(kept), names


def scale(sets: dict[str, Data]) -> dict[str, Any]:
    texts = [text for some, _, _ in sets.values() for text in some][:20_000]
    vectors = np.concatenate([vectors for _, _, vectors in sets.values()])[:20_000]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    groups = grouped(texts, vectors, seed=SEED)
    seconds = time.monotonic() - began
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e3
    return {
        "set": "all in one",
        "method": "ours",
        "n": len(texts),
        "groups": len(set(groups[groups >= 0])),
        "seconds": round(seconds, 1),
        "more_memory_mb": round(more),
    }


def verdict(table: Table) -> dict[str, dict[str, Any]]:
    """What was aimed at and what came out."""

    def at_least(name: str, method: str, key: str, aim: float) -> dict[str, Any]:
        value = next(one[key] for one in table if (one["set"], one["method"]) == (name, method))
        return {"value": value, "aim": aim, "ok": value >= aim}

    named = f"10 named, {EXAMPLES} examples each"
    mistaken = next(one["mistaken"] for one in table if one["method"] == named)
    return {
        "banking77, AMI": at_least("en_banking77", "ours", "ami", 0.70),
        "CLINC150, AMI": at_least("en_clinc150_oos", "ours", "ami", 0.80),
        "Bitext, AMI": at_least("en_bitext_intents", "ours", "ami", 0.80),
        "banking77, share grouped": at_least("en_banking77", "ours", "share_grouped", 0.90),
        "10 named intents, recognised": at_least(NAMED_ON, named, "recognised", 0.85),
        "10 named intents, mistaken": {"value": mistaken, "aim": 0.05, "ok": mistaken <= 0.05},
    }


if __name__ == "__main__":
    raise SystemExit(main())
