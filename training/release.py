"""From tuned weights to a shippable version: fit the ranker, measure, test for recitation, write the card.

    python -m training.release --conversations DIR

The held-out conversations of the demo shop come in two halves: the ranker is fitted on the first,
the figures are measured on the second. Knows the starter's folder layout; trains no language model.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nlp import slots
from nlp.generator import Generator
from nlp.memory import Knowledge, build_index
from nlp.pipeline import Pipeline
from nlp.prompts import Prompt
from nlp.ranking import Features, Ranker
from nlp.reading import Reader
from nlp.registry import STARTER_FOLDER, write_manifest
from training import replies
from training.corpus import Dialogue, read_articles, read_everyday, read_shop, train_part
from training.dataset import NEIGHBOURS, Memory, by_parts, moments
from training.privacy import owners, recited
from training.ranker import GOOD_COSINE, fit_matcher, fit_scorer, untrained
from training.replies import Question
from training.starter import PUBLIC_SETS, CachedEmbedder, Corpora
from training.values import Filler

log = logging.getLogger(__name__)

SAMPLED_REPLIES = 1000


@dataclasses.dataclass(frozen=True, slots=True)
class Bench:
    """Everything that judging needs: the parts of a pipeline, and questions with known answers."""

    reader: Reader
    generator: Generator
    knowledge: Knowledge
    train: list[Dialogue]
    dev: list[Question]
    test: list[Question]
    cache: Path

    def pipeline(self, ranker: Ranker) -> Pipeline:
        """A pipeline over the written training conversations, as the demo shop has them."""
        index = build_index(self.knowledge, self.reader, cache=self.cache)
        return Pipeline("starter", self.reader, self.generator, ranker, index, self.knowledge.products)


def prepare(shop: Path, folder: Path, cache: Path, seed: int) -> Bench:
    """Load what was trained and split the held-out conversations into dev and test."""
    raw = json.loads((shop / "shop.json").read_text(encoding="utf-8"))
    facts, products = raw["facts"], raw["products"]
    files = read_shop(shop)
    filler = Filler(facts, products, seed)
    train = [d for f in files for d in train_part(f.dialogues)]
    train += [d for group in read_everyday(shop).values() for d in group]
    held = [[d for d in f.dialogues if d.held_out] for f in files]
    items = [*replies.past_replies(train, filler), *replies.help_items(read_articles(shop), facts)]
    reader = Reader.load(folder / "heads", products)
    return Bench(
        reader,
        Generator.load(folder / "reply"),
        Knowledge(facts, products, items),
        train,
        replies.questions([d[0] for d in held if d], reader, facts, filler),
        replies.questions([d[1] for d in held if len(d) > 1], reader, facts, filler),
        cache,
    )


def fit(bench: Bench, matcher_on: Sequence[Dialogue], embedder: CachedEmbedder, seed: int) -> Ranker:
    """The ranker: matcher on training conversations, score on the dev questions."""
    pairs = list(moments(matcher_on))
    queries = by_parts(embedder)(pairs)
    context, reply = fit_matcher(queries, embedder([slots.spoken(m.reply) for m in pairs]), seed=seed)
    blank = untrained(context, reply)
    brain = bench.pipeline(blank)
    rows: list[Features] = []
    good: list[bool] = []
    truths = bench.reader.encoder.embed([slots.spoken(q.truth) for q in bench.dev])
    found = replies.candidates_of(brain, bench.dev)
    for question, truth, (query, pool) in zip(bench.dev, truths, found, strict=True):
        known = frozenset({**question.request.values, **question.request.facts})
        said = [t.text for t in question.request.turns if t.role == "agent"]
        rows += blank.features(query, pool, known, said)
        good += [float(c.vector @ truth) >= GOOD_COSINE for c in pool]
    log.info("ranker: %d candidates of %d questions, %.3f good", len(rows), len(bench.dev), np.mean(good))
    ranker = fit_scorer(context, reply, rows, np.array(good))
    log.info("ranker weights: %s", json.dumps(ranker.explain()))
    return ranker


def measure(bench: Bench, ranker: Ranker) -> dict[str, Any]:
    """Figures of the whole pipeline and of its two baselines on the test half."""
    brain, embed = bench.pipeline(ranker), bench.reader.encoder.embed
    shown = [[d.template for d in group] for group in replies.suggest_all(brain, bench.test)]
    found = replies.candidates_of(brain, bench.test)
    queries = np.stack([query for query, _ in found])
    hits = {
        f"hit_at_1_of_{among}": round(
            replies.hit_at_1(
                bench.test,
                lambda query, texts: ranker.answers(texts) @ ranker.question(query),
                queries,
                embed,
                among=among,
                seed=17,
            ),
            4,
        )
        for among in (10, 100)
    }
    return {
        **hits,
        "suggestions": replies.figures(bench.test, shown, embed),
        **replies.baselines(bench.test, [pool for _, pool in found], embed),
    }


def recitation(
    bench: Bench, public: Sequence[Dialogue], shop: Sequence[Dialogue], embedder: CachedEmbedder
) -> dict[str, Any]:
    """Eight-word spans of one conversation only, in SAMPLED_REPLIES replies with and without evidence.

    "public" are the real people's conversations of stage one; "shop" the recombined ones as trained.
    """
    owned_public = owners((d.id, t) for d in public for _, t in d.turns)
    owned_shop = owners((d.id, t) for d in shop for _, t in d.turns)
    both = owners((d.id, t) for group in (public, shop) for d in group for _, t in d.turns)
    wanted = list(moments([*bench.train, *[q.dialogue for q in bench.test]]))[::4][: SAMPLED_REPLIES // 3]
    memory = Memory.build(bench.train, by_parts(embedder))
    near = memory.neighbours(wanted, by_parts(embedder)(wanted), NEIGHBOURS)
    known = frozenset(slots.ALL_SLOTS)
    out: dict[str, Any] = {}
    for name, evidence in (("without_evidence", [[] for _ in wanted]), ("with_evidence", near)):
        prompts = [
            Prompt(m.turns, found, intent=m.dialogue.intent)
            for m, found in zip(wanted, evidence, strict=True)
        ]
        texts: list[str] = []
        for start in range(0, len(prompts), 8):
            chunk = prompts[start : start + 8]
            drafted, _ = bench.generator.draft(chunk, [known] * len(chunk))
            texts += [one.template for group in drafted for one in group]
        texts = texts[:SAMPLED_REPLIES]
        out[name] = {
            "replies": len(texts),
            "public_only": len(recited(texts, owned_public)),
            "shop_as_trained": len(recited(texts, owned_shop)),
            "any_training_conversation": len(recited(texts, both)),
        }
        log.info("recitation %s: %s", name, out[name])
    return out


def card(folder: Path, run: Mapping[str, Any], judged: Mapping[str, Any], spans: Mapping[str, Any]) -> None:
    """The model card, in the folder's README.md."""
    sets = "\n".join(f"- {source}, licence {licence}" for source, licence in PUBLIC_SETS.values())
    lines = [
        "# Deskhand starter: the reply model",
        "",
        "A small GPT-2 (6 layers, 256 wide, byte-level BPE) that adapts retrieved replies to the "
        "conversation at hand. It writes templates: values are slots that Deskhand fills. English, "
        "customer service of a shop. It knows no facts by itself and must not be asked for any.",
        "",
        "## Trained on",
        "",
        sets,
        "- the demo shop's conversations, written for this project (Apache-2.0)",
        "",
        "All text was delexicalised first. Rebuild: `python -m training.starter --conversations DIR`, "
        f"then `python -m training.release --conversations DIR` (seed {run.get('seed')}).",
        "",
        "## The run",
        "",
        "```json",
        json.dumps(run, indent=1),
        "```",
        "",
        "## Suggestions on held-out conversations of the demo shop",
        "",
        "Half of the held-out conversations, never trained on nor retrieved; the other half fitted the "
        "ranker. Cosines are of plain all-MiniLM-L6-v2 vectors, delexicalised; good means "
        f"{GOOD_COSINE} or more.",
        "",
        "```json",
        json.dumps(judged, indent=1),
        "```",
        "",
        "## Recitation",
        "",
        "Spans of eight words that stand in exactly one training conversation, in sampled replies:",
        "",
        "```json",
        json.dumps(spans, indent=1),
        "```",
        "",
    ]
    (folder / "README.md").write_text("\n".join(lines), encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> None:
    """Command line; progress on stderr, the figures on stdout."""
    parser = argparse.ArgumentParser(prog="python -m training.release", description=__doc__)
    parser.add_argument(
        "--conversations", type=Path, required=True, help="folder of the public conversation sets"
    )
    parser.add_argument("--shop", type=Path, default=Path("bot/demo"))
    parser.add_argument("--folder", type=Path, default=STARTER_FOLDER)
    parser.add_argument("--work", type=Path, default=Path("build/starter"))
    parser.add_argument("--seed", type=int, default=17)
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    embedder = CachedEmbedder(arguments.work / "vectors")
    bench = prepare(arguments.shop, arguments.folder, arguments.work / "index", arguments.seed)
    corpora = Corpora(arguments, embedder)
    ranker = fit(bench, bench.train, embedder, arguments.seed)
    ranker.save(arguments.folder / "reply")
    judged = measure(bench, ranker)
    spans = recitation(bench, corpora.public, corpora.mixed, embedder)
    run = json.loads((arguments.work / "figures.json").read_text())
    card(arguments.folder / "reply", run, judged, spans)
    write_manifest(arguments.folder, {"run": run, "replies": judged, "recitation": spans})
    print(json.dumps({"replies": judged, "recitation": spans}, indent=1))


if __name__ == "__main__":
    main()
