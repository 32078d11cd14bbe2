"""From tuned weights to a shippable version: match, rank, measure, test for recitation, write the card.

    python -m training.release --conversations DIR

The demo shop's matcher is trained on its conversations and on verdicts. The held-out conversations come in
two halves: the demo shop's score is fitted on the first, the figures are measured on the second. What any
other shop begins with learns from public sets too, matcher and score. Knows the starter's folder layout;
trains no language model.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import random
from collections.abc import Container, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlp import slots
from nlp.generator import Generator
from nlp.matcher import Matcher
from nlp.memory import Knowledge, build_index
from nlp.pipeline import Pipeline
from nlp.pool import Pool
from nlp.prompts import Prompt
from nlp.ranking import TEMPERATURE, Features, Ranker
from nlp.reading import Reader
from nlp.recall import Recall
from nlp.recitation import owners
from nlp.registry import STARTER_FOLDER, write_manifest
from nlp.types import KnowledgeItem
from training import questions, replies
from training.corpus import Dialogue, read_articles, read_everyday, read_shop, train_part
from training.dataset import NEIGHBOURS, Memory, by_parts, moments
from training.evaluate_replies import explained
from training.evaluate_replies import judged as judged_replies
from training.matcher import Judged, Lesson, MatchConfig, fit_matcher, new_matcher, save_matcher
from training.measures import rounded
from training.privacy import left_for_test, recited
from training.questions import Question
from training.ranker import best_temperature, blank, fit_scorer
from training.starter import PUBLIC_SETS, CachedEmbedder, Corpora
from training.strangers import COURSES, SHOPS, WEIGHT, Met, courses, fit_for_strangers, meet
from training.values import Filler
from training.verdicts import Verdict, read_verdicts

log = logging.getLogger(__name__)

SAMPLED_REPLIES = 1000


@dataclasses.dataclass(frozen=True, slots=True)
class Bench:
    """Everything that judging needs: the parts of a pipeline, and questions with known answers."""

    reader: Reader
    generator: Generator
    matcher: Matcher
    knowledge: Knowledge
    filler: Filler
    articles: list[KnowledgeItem]
    train: list[Dialogue]
    dev: list[Question]
    test: list[Question]
    cache: Path

    def pipeline(self, ranker: Ranker) -> Pipeline:
        """A pipeline over the written training conversations, as the demo shop has them."""
        index = build_index(self.knowledge, self.reader, cache=self.cache)
        recall = Recall(index, self.matcher, self.cache)
        products = self.knowledge.products
        return Pipeline("starter", self.reader, self.generator, self.matcher, ranker, recall, products)

    def questions(self, dialogues: Sequence[Dialogue]) -> list[Question]:
        """One question for each agent turn."""
        return questions.questions(dialogues, self.reader, self.knowledge.facts, self.filler)

    def remembering(self, dialogues: Sequence[Dialogue]) -> Bench:
        """The same bench with only these conversations to retrieve from; its index is not kept."""
        items = [*questions.past_replies(dialogues, self.filler), *self.articles]
        return dataclasses.replace(
            self,
            knowledge=dataclasses.replace(self.knowledge, items=items),
            cache=self.cache.with_name(f"{self.cache.name}-part"),
        )


def prepare(shop: Path, folder: Path, cache: Path, seed: int) -> Bench:
    """Load what was trained and split the held-out conversations into dev and test."""
    raw = json.loads((shop / "shop.json").read_text(encoding="utf-8"))
    facts, products = raw["facts"], raw["products"]
    files = read_shop(shop)
    filler = Filler(facts, products, seed)
    train = trained_on(shop)
    held = [[d for d in f.dialogues if d.held_out] for f in files]
    articles = questions.help_items(read_articles(shop), facts)
    reader = Reader.load(folder / "heads", products)
    return Bench(
        reader,
        Generator.load(folder / "reply"),
        Matcher.load(shop),
        Knowledge(facts, products, [*questions.past_replies(train, filler), *articles]),
        filler,
        articles,
        train,
        questions.questions([d[0] for d in held if d], reader, facts, filler),
        questions.questions([d[1] for d in held if len(d) > 1], reader, facts, filler),
        cache,
    )


def trained_on(shop: Path) -> list[Dialogue]:
    """All written conversations of the demo shop that are not held out."""
    train = [d for f in read_shop(shop) for d in train_part(f.dialogues)]
    return train + [d for group in read_everyday(shop).values() for d in group]


def tuned_matcher(
    shop: Path,
    verdicts: Sequence[Verdict],
    config: MatchConfig,
    *,
    work: Path,
    out: Path,
    begin: Path | None = None,
    strangers: Sequence[Sequence[Lesson]] = (),
) -> None:
    """Train a matcher on the shop's conversations and the verdicts on them, and write it to `out`.

    It begins with that of a folder, where one is given, and learns from `strangers` too: other shops'
    conversations, one group for each. Verdicts on held-out conversations are left alone: they fit and
    measure the score.
    """
    train, held = trained_on(shop), [d for f in read_shop(shop) for d in f.dialogues if d.held_out]
    model, codec = new_matcher(config.seed, begin)
    fit_matcher(
        model,
        codec,
        [lessons(train), *strangers],
        judged(verdicts, {d.id for d in train}),
        config,
        checkpoint=work,
        validation=lessons(held),
    )
    save_matcher(model, out)


def lessons(dialogues: Sequence[Dialogue]) -> list[Lesson]:
    """Every agent turn behind its conversation."""
    return [Lesson(m.turns, m.reply, m.dialogue.origin) for m in moments(dialogues)]


def judged(verdicts: Sequence[Verdict], known: Container[str]) -> list[Judged]:
    """Moments of `known` conversations of whose candidates some would be sent and some not."""
    groups: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.moment.rpartition("/")[0] in known:
            groups.setdefault(verdict.moment, []).append(verdict)
    return [
        Judged(group[0].turns, tuple(v.reply for v in group), tuple(v.send for v in group))
        for group in groups.values()
        if {v.send for v in group} == {True, False}
    ]


@dataclasses.dataclass(frozen=True, slots=True)
class Said:
    """Candidates for the dev questions that people judged: features, verdicts, nearness."""

    rows: list[Features]
    send: NDArray[np.bool_]
    near: NDArray[np.float64]


def fit(
    bench: Bench, verdicts: Sequence[Verdict], matcher: Matcher, met: Sequence[Met]
) -> tuple[Ranker, Ranker]:
    """The demo shop's score, from the verdicts on candidates for the dev questions; and the strangers'.

    `matcher` is that for any shop: it finds the candidates that the strangers' score is fitted on.
    """
    truths = bench.reader.encoder.embed([slots.spoken(q.truth) for q in bench.dev])
    pools = [one.pool for one in explained(bench.pipeline(blank()), bench.dev)]
    temperature = best_temperature(pools, truths)
    own = said(bench.dev, pools, truths, verdicts, temperature)
    ranker = fit_scorer(own.rows, own.send, temperature)
    theirs = dataclasses.replace(bench, matcher=matcher)
    pools = [one.pool for one in explained(theirs.pipeline(blank()), bench.dev)]
    any_shop = said(bench.dev, pools, truths, verdicts, TEMPERATURE)
    strangers = fit_for_strangers(any_shop.rows, any_shop.send, any_shop.near, met)
    for whose, one in (("the demo shop's", ranker), ("strangers'", strangers)):
        log.info("%s score, weights: %s", whose, json.dumps(one.explain()))
    return ranker, strangers


def said(
    asked: Sequence[Question],
    pools: Sequence[Pool],
    truths: NDArray[np.float32],
    verdicts: Sequence[Verdict],
    temperature: float,
) -> Said:
    """What people said of the candidates of the pools."""
    known = {(v.moment, v.reply): v.send for v in verdicts}
    found: list[tuple[Features, bool, float]] = []
    missing = 0
    for question, pool, truth in zip(asked, pools, truths, strict=True):
        for one, row in zip(pool.candidates, pool.looked_at(temperature)[1], strict=True):
            # What has an open slot can't be sent unchanged: nobody needs to be asked.
            verdict = False if row.unfilled else known.get((question.id, one.template))
            missing += verdict is None
            if verdict is not None:
                found.append((row, verdict, max(0.0, float(one.vector @ truth))))
    send = np.array([sent for _, sent, _ in found])
    log.info(
        "%d candidates of %d questions judged (%d not), %.3f would be sent",
        len(found), len(asked), missing, send.mean(),
    )  # fmt: skip
    return Said([row for row, _, _ in found], send, np.array([near for _, _, near in found]))


def measure(bench: Bench, ranker: Ranker, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Figures of the whole pipeline and of its two baselines on the test half."""
    brain = bench.pipeline(ranker)
    found = explained(brain, bench.test)
    figures = judged_replies(brain, bench.test, found, seed=17)
    figures.pop("plots")
    shown = [[draft.template for draft in one.drafts] for one in found]
    return {"sendable": replies.sendable(bench.test, shown, verdicts), **rounded(figures)}


def recitation(
    bench: Bench, public: Sequence[Dialogue], shop: Sequence[Dialogue], embedder: CachedEmbedder
) -> dict[str, Any]:
    """Eight-word spans of one conversation only, in SAMPLED_REPLIES replies with and without evidence.

    "public" are the real people's conversations of stage one; "shop" the recombined ones as trained.
    """
    owned_public = owners((d.id, t) for d in public for _, t in d.turns)
    owned_shop = owners((d.id, t) for d in shop for _, t in d.turns)
    both = owners((d.id, t) for group in (public, shop) for d in group for _, t in d.turns)
    asking = [d for d in bench.train if left_for_test(d.origin)] + [q.dialogue for q in bench.test]
    wanted = random.Random(17).sample(list(moments(asking)), SAMPLED_REPLIES * 3 // 5)
    memory = Memory.build(bench.train, by_parts(embedder))
    near = memory.neighbours(wanted, by_parts(embedder)(wanted), NEIGHBOURS)
    out: dict[str, Any] = {}
    for name, evidence in (("without_evidence", [[] for _ in wanted]), ("with_evidence", near)):
        prompts = [
            Prompt(m.turns, found, intent=m.dialogue.intent)
            for m, found in zip(wanted, evidence, strict=True)
        ]
        texts = [text for _, text in islice(bench.generator.freely(prompts), SAMPLED_REPLIES)]
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
    told = " and ".join(
        f"{count} conversations of {source} (licence {licence})"
        for count, source, licence in COURSES.values()
    )
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
        "Replies are retrieved by a matcher (`matcher.safetensors`: all-MiniLM-L6-v2 with low-rank changes), "
        "tuned on the demo shop's conversations and people's verdicts on them, then on those and "
        f"{told}. `ranker.safetensors` ranks them for a shop where nobody has judged yet: it "
        f"is fitted on those verdicts and, {WEIGHT:g} times as heavy, on conversations of "
        f"{len(SHOPS)} public sets ({', '.join(name.split('.')[0] for name in SHOPS)}). The demo shop brings "
        "a matcher and a score of its own, taught by its conversations and verdicts alone.",
        "",
        "## Suggestions on held-out conversations of the demo shop",
        "",
        "Half of the held-out conversations, never trained on nor retrieved; the other half fitted the "
        "score. Sendable: people read what was suggested and said whether an agent would send it unchanged "
        "(of the first suggestion, and of any of three; what nobody judged counts as not). Similarities are "
        "cosines of plain all-MiniLM-L6-v2 vectors, delexicalised.",
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
    parser.add_argument("--matcher-steps", type=int, default=800, help="every other one of verdicts")
    parser.add_argument(
        "--strangers-steps", type=int, default=320, help="of the matcher, with public sets, in turn"
    )
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    embedder = CachedEmbedder(arguments.work / "vectors")
    verdicts = list(read_verdicts(arguments.shop / "verdicts"))
    reply: Path = arguments.folder / "reply"
    tuned_matcher(
        arguments.shop,
        verdicts,
        MatchConfig(steps=arguments.matcher_steps, seed=arguments.seed),
        work=arguments.work / "matcher",
        out=arguments.shop,
    )
    tuned_matcher(
        arguments.shop,
        verdicts,
        MatchConfig(steps=arguments.strangers_steps, seed=arguments.seed, learning_rate=5e-4),
        work=arguments.work / "matcher-any-shop",
        out=reply,
        begin=arguments.shop,
        strangers=courses(arguments.conversations, Reader.load(arguments.folder / "heads")),
    )
    bench = prepare(arguments.shop, arguments.folder, arguments.work / "index", arguments.seed)
    corpora = Corpora(arguments, embedder)
    matcher = Matcher.load(reply)
    met = [
        meet(arguments.conversations / name, count, bench.reader, bench.generator, matcher, arguments.seed)
        for name, count in SHOPS.items()
    ]
    ranker, any_shop = fit(bench, verdicts, matcher, met)
    # Verdicts are of one shop, and so is the score that they fit: it lies with the shop.
    ranker.save(arguments.shop)
    any_shop.save(reply)
    figures = measure(bench, ranker, verdicts)
    spans = recitation(bench, corpora.public, corpora.mixed, embedder)
    run = json.loads((arguments.work / "figures.json").read_text())
    card(reply, run, figures, spans)
    write_manifest(arguments.folder, {"run": run, "replies": figures, "recitation": spans})
    print(json.dumps({"replies": figures, "recitation": spans}, indent=1))


if __name__ == "__main__":
    main()
