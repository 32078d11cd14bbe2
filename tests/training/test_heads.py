from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from nlp.encoder import Encoder
from nlp.entities import LABELS, EntityHead
from nlp.sentiment import SentimentHead
from training.fitting import Plan, fit, parts
from training.heads import PHRASES, WRITTEN
from training.measures import accuracy, calibration_error, fit_temperature, macro_f1, span_figures
from training.reading_sets import demo_files, read_lines, typo
from training.states import Batch, States
from training.tagger import IGNORE, TagLoss, tag_targets
from training.tagging_sets import SKIP, Tagged, bio_runs, place
from training.values import TYPE_OF, Filler

SHOP = Path("bot/demo")


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.load()


def filler(seed: int = 17) -> Filler:
    return Filler({"shop_name": "Tern & Thistle"}, ["Skerry rain jacket"], seed)


def test_filled_values_stand_where_their_spans_say() -> None:
    filled = filler().fill("It's {customer_name}, order {order_id} at {shop_name}, yes {order_id}")
    assert [kind for _, _, kind in filled.spans] == ["person", "order_id", "order_id"]
    assert "{" not in filled.text
    values = [filled.text[start:end] for start, end, _ in filled.spans]
    assert values[1] == values[2]
    assert filled == filler().fill("It's {customer_name}, order {order_id} at {shop_name}, yes {order_id}")


def test_every_placeholder_has_a_value_and_an_unknown_one_is_an_error() -> None:
    for name in TYPE_OF:
        assert filler().fill(f"{{{name}}}").text
    with pytest.raises(KeyError):
        filler().fill("{no_such_fact}")


def test_written_messages_are_many_and_labelled() -> None:
    rows = list(read_lines(WRITTEN))
    assert len(rows) >= 400
    assert len({row["text"].lower() for row in rows}) == len(rows)
    assert {row["label"] for row in rows} == {"negative", "neutral", "positive"}
    assert all(row["text"] for row in read_lines(PHRASES))


def test_demo_intents_are_read_in_order() -> None:
    names = [raw["intent"] for raw in demo_files(SHOP)]
    assert names == sorted(names)
    assert "order_status" in names


def test_bio_runs_forgive_a_missing_beginning() -> None:
    assert bio_runs(["O", "I-city", "I-city", "B-city", "O", "I-date"]) == [
        ("city", 1, 2),
        ("city", 3, 3),
        ("date", 5, 5),
    ]


def test_tokens_are_placed_in_their_text() -> None:
    assert place(["Hi", ",", "you"], "Hi,  you") == ("Hi,  you", [(0, 2), (2, 3), (5, 8)])
    assert place(["a", "bc"], None) == ("a bc", [(0, 1), (2, 4)])
    assert place(["a", "x"], "a b") == ("a x", [(0, 1), (2, 3)])


def test_a_typo_changes_little() -> None:
    text = "could you tell me where my parcel is today please"
    changed = typo(text, random.Random(3))
    assert abs(len(changed) - len(text)) <= 2


def test_measures_on_small_cases() -> None:
    assert accuracy(["a", "b"], ["a", "a"]) == 0.5
    assert macro_f1(["a", "b"], ["a", "a"]) == pytest.approx(1 / 3)
    assert calibration_error([True, False], [0.95, 0.95]) == pytest.approx(0.45)
    figures = span_figures([({(0, 3, "city")}, {(0, 3, "city"), (4, 5, "date")})])
    assert figures["all"]["precision"] == 0.5
    assert figures["city"]["f1"] == 1.0
    sure = torch.tensor([[9.0, 0.0], [9.0, 0.0]])
    assert fit_temperature(sure, torch.tensor([0, 1])) > 2


def test_only_first_pieces_are_tagged_and_skipped_spans_teach_nothing(encoder: Encoder) -> None:
    row = Tagged("Anna Kowalski, Leeds", ((0, 13, "person"), (15, 20, SKIP)), frozenset({"person"}), "test")
    states = States(encoder, [row.text])
    labels = tag_targets(states, [row])[0].tolist()
    tagged = [LABELS[label] for label in labels if label != IGNORE]
    assert tagged == ["B-person", "I-person", "O"]


def test_an_unmarked_type_is_not_punished(encoder: Encoder) -> None:
    torch.manual_seed(0)
    head = EntityHead(width=16, depth=1).eval()
    head.classify[1].bias.data[LABELS.index("B-city")] = 20.0
    losses = []
    for known in (frozenset({"person"}), frozenset({"person", "city"})):
        rows = [Tagged("Leeds", (), known, "test")]
        states = States(encoder, ["Leeds"])
        losses.append(float(TagLoss(head, states, rows, 1)(states.batch([0])).detach()))
    assert losses[0] < 0.1 < 5 < losses[1]


def test_a_head_learns_a_small_set_the_same_way_twice(encoder: Encoder) -> None:
    texts = ["I love it", "this is great", "thank you", "I hate it", "awful, broken", "so angry"] * 2
    labels = torch.tensor([2, 2, 2, 0, 0, 0] * 2)
    states = States(encoder, texts)
    weights = []
    for _ in range(2):
        torch.manual_seed(5)
        head = SentimentHead(width=16, depth=1)

        def loss(batch: Batch, head: SentimentHead = head) -> torch.Tensor:
            return torch.nn.functional.cross_entropy(
                head(batch.hidden, batch.mask).float(), labels[batch.rows]
            )

        fit(head, states, range(12), loss, Plan(epochs=12, batch=6, rate=5e-3), 5)
        weights.append(head.trunk.narrow.weight.detach())
    assert torch.equal(weights[0], weights[1])
    assert [mood.label for mood in head.predict(encoder.encode(["I love it", "so angry"]))] == [
        "positive",
        "negative",
    ]


def test_held_out_rows_are_kept_apart() -> None:
    rows = [Tagged("a", (), frozenset(), "x", held_out=at == 1) for at in range(3)]
    assert parts(rows) == ([0, 2], [1])
