"""The score learns from what agents did with drafts, and then means what it says."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from nlp.expectation import Expectation
from nlp.manner import Manner
from nlp.pool import Pool
from nlp.ranking import TEMPERATURE, Candidate, Ranker
from nlp.reading import Reader
from nlp.registry import STARTER_FOLDER, Registry, verify
from nlp.types import Analysis, Intent, ReplyRequest, Sentiment
from tests.training.test_round import conversation
from training import acceptance
from training.acceptance import FEWEST, Material, Review, fit, tried, verdicts
from training.bases import load_base
from training.bench import Bench, Order
from training.card import write_reply_card
from training.files import Drafted
from training.lessons import collect
from training.ranker import fit_to_truths
from training.report import write_report
from training.round import also, measured, noted

SENT = "I'm sorry, the parcel was lost."
READING = Analysis("en", 0.9, Sentiment(0.1, 0.8, 0.1), (), Intent("", 0.0), np.zeros(384, np.float32))


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        (["accepted", "ignored", "ignored"], [True, None, None]),
        (["ignored", "accepted", "ignored"], [False, True, None]),
        (["ignored", "ignored"], [False, False]),
        (["rejected", "edited"], [False, False]),
        (["rejected", "rejected"], [False, False]),
    ],
)
def test_what_stood_above_the_draft_that_was_taken_counts_against_it(
    outcomes: list[str], said: list[bool | None]
) -> None:
    assert verdicts(SENT, [Drafted("It ships today.", one) for one in outcomes]) == said


def test_a_draft_with_a_comma_changed_was_as_good_as_sent() -> None:
    assert verdicts(SENT, [Drafted(SENT.replace(",", ""), "edited")]) == [True]


def pool(candidates: Sequence[tuple[float, float]]) -> Pool:
    """Candidates as (share of what is likely, log-probability)."""
    made = []
    for at, (share, logprob) in enumerate(candidates):
        vector = np.zeros(384, dtype=np.float32)
        vector[0], vector[2 + at] = share, (1 - share**2) ** 0.5
        made.append(Candidate(f"text {at}", "reply", vector, logprob, match=share))
    likely = Expectation.of(np.eye(2, 384, dtype=np.float32), np.array([0.3, 0.0], np.float32), TEMPERATURE)
    request = ReplyRequest([], READING, {}, {})
    return Pool(request, tuple(made), likely, frozenset(), (), np.zeros(384, np.float32))


def shop(seed: int, count: int, *, by: str) -> tuple[Material, list[Review]]:
    """Questions and reviews of a shop whose agents send few drafts: the fluent ones, or any at random."""
    rng = np.random.default_rng(seed)

    def drawn() -> list[tuple[float, float]]:
        return [(float(rng.random()), float(-3 * rng.random())) for _ in range(3)]

    pools = [pool(drawn()) for _ in range(60)]
    truths = np.repeat(np.eye(1, 384, dtype=np.float32), 60, axis=0)
    judged = []
    for at in range(count):
        shown = drawn()
        said: Mapping[int, bool] = {
            number: bool(rng.random() < (0.8 if logprob > -0.6 else 0.04) if by == "fluency" else one)
            for number, (_, logprob) in enumerate(shown)
            for one in [rng.random() < 0.2]
        }
        judged.append(Review(f"r{at}/1", f"r{at}", pool(shown), said))
    return Material(pools, truths, [f"c{at}" for at in range(60)]), judged


def test_judged_drafts_teach_the_order_and_the_odds() -> None:
    material, judged = shop(5, 150, by="fluency")
    found = tried(material, judged)
    assert found["used"] and found["reviewed"] == 150 and found["why"] == ""
    assert found["calibration_error_after"] < 0.12 < found["calibration_error_before"]
    assert found["log_loss_after"] < found["log_loss_before"]
    assert found["auc_after"] > 0.75 > found["auc_before"]
    score = fit(material, judged)
    two = pool([(0.3, -0.2), (0.9, -2.5)])
    fluent, near = score.scores(two.looked_at(score.temperature)[1])
    assert fluent > 0.3 > near
    assert two.ranked(score, Manner())[0].template == "text 0"
    fresh, unseen = shop(6, 300, by="fluency")
    chances = np.concatenate([score.scores(one.pool.looked_at(score.temperature)[1]) for one in unseen])
    sent = np.array([good for one in unseen for good in one.verdicts.values()])
    assert abs(chances.mean() - sent.mean()) < 0.05
    assert fresh.conversations == material.conversations


def test_odds_alone_leave_the_order_as_it_was() -> None:
    material, _ = shop(5, 0, by="fluency")
    plain = fit_to_truths(material.pools, material.truths)
    rows = [row for one in material.pools for row in one.looked_at(plain.temperature)[1]]
    before, after = plain.scores(rows), plain.with_odds(0.5, -2.0).scores(rows)
    assert (np.argsort(before) == np.argsort(after)).all() and after.mean() < before.mean()


def test_too_few_reviews_and_agents_who_judge_all_alike_are_told() -> None:
    material, judged = shop(7, FEWEST - 1, by="chance")
    assert tried(material, judged)["why"] == "99 of 100 moments set aside at which drafts were judged"
    same = [Review(one.question, one.conversation, one.pool, {0: False}) for one in judged * 2]
    assert tried(material, same)["why"] == "agents judged all drafts alike"
    assert not tried(material, same)["used"]
    rows = [row for one in material.pools for row in one.looked_at(0.1)[1]]
    nothing = fit(material, []).scores(rows)
    assert (nothing == fit_to_truths(material.pools, material.truths).scores(rows)).all()


@pytest.mark.slow
def test_a_round_fits_its_score_on_judged_drafts_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "log.jsonl"
    rows = [conversation(number) for number in range(24)]
    for row in rows:
        row["turns"][1]["drafts"] = [{"text": "Please wait.", "outcome": "rejected"}]
        row["turns"][3]["drafts"] = [{"text": row["turns"][3]["text"], "outcome": "accepted"}]
        row["turns"][3]["origin"] = "accepted"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    version = verify(STARTER_FOLDER)
    bench = Bench(Order((data,)), tmp_path / "work", Reader.load(version.heads), lambda *_: None)
    taught = collect([data], bench.reader, 17, lambda *_: None)
    assert {q.at for q in taught.aside} == {1} and {q.at for q in taught.reviewed} == {1, 3}
    shutil.copytree(version.reply, bench.reply)
    _, few, _ = measured(taught, version, bench)
    assert (
        few == {"reviewed": 6, "needed": 100, "used": False, "why": few["why"]} and "6 of 100" in few["why"]
    )
    distance = Ranker.load(bench.reply)
    monkeypatch.setattr(acceptance, "FEWEST", 6)
    figures, found, trial = measured(taught, version, bench)
    assert (found["reviewed"], found["drafts"], found["sent"], found["used"]) == (6, 6, 0.5, True)
    assert found["auc_after"] == 1.0 and found["log_loss_after"] < found["log_loss_before"]
    assert trial.n == len(taught.aside) == figures["n"]
    assert Ranker.load(bench.reply).explain() != distance.explain()
    facts = {
        **noted(bench.order, load_base("starter", Registry(tmp_path)), taught, {"matcher_steps": 8}, figures),
        "reply_steps": 8, "seconds": 60, "champion": "starter", "gate": {"passed": True, "checks": []},
        "preference": {"pairs": 21, "needed": 1000, "kept": False, "why": "21 of 1,000 pairs"},
        "acceptance": found,
    }  # fmt: skip
    write_reply_card(bench.reply, facts)
    card = (bench.reply / "README.md").read_text()
    assert "was not tuned by preferences: 21 of 1,000 pairs." in card
    assert "agents judged 6 drafts, and sent\n50%" in card and "They teach the score." in card
    assert "the chance that an agent sends a draft as it is" in card
    told = {**facts["replies"], **also(facts), "plots": {}}
    page = write_report(tmp_path / "report", "v1 against starter", told).read_text()
    assert "21 of 1,000 pairs" in page and "calibration_error_after" in page
