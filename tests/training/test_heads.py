from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from nlp.encoder import Encoder
from nlp.entities import LABELS, EntityHead
from nlp.heads import Heads, save_head
from nlp.intents import IntentHead
from nlp.sentiment import SentimentHead
from training.heads import HERE, PHRASES, TAGGED, WRITTEN
from training.heads import LABELS as MOOD_LABELS
from training.lowrank import changes_of, make_trainable
from training.measures import accuracy, calibration_error, fit_temperature, macro_f1, span_figures
from training.reading_sets import demo_files, read_lines, typo
from training.tagger import TagLoss, allowed_labels, tag_targets
from training.tagging_sets import SKIP, Tagged, bio_runs, place, unmarked
from training.tuning import Batch, Plan, Texts, parts, tune_head
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


def test_marks_become_spans() -> None:
    assert unmarked("I'm [[person|Ada]], in [[city|Leeds]]") == (
        "I'm Ada, in Leeds",
        ((4, 7, "person"), (12, 17, "city")),
    )
    with pytest.raises(ValueError, match="hobby"):
        unmarked("[[hobby|chess]]")


def test_tagged_messages_are_many_and_of_known_types() -> None:
    rows = [unmarked(row["text"]) for row in read_lines(TAGGED)]
    assert len(rows) >= 1200
    assert all(text[start:end].strip() == text[start:end] for text, spans in rows for start, end, _ in spans)


def test_labels_of_public_messages_hold_no_text() -> None:
    rows = list(read_lines(MOOD_LABELS))
    assert len(rows) > 1500
    assert all(row.keys() == {"set", "sha256", "label"} and len(row["sha256"]) == 16 for row in rows)


def test_the_hard_messages_are_not_among_those_learned_from() -> None:
    learned = {row["text"].lower() for row in read_lines(WRITTEN)}
    hard = list(read_lines(HERE / "sentiment_test.jsonl"))
    assert len(hard) >= 300
    assert not learned & {row["text"].lower() for row in hard}


def test_only_first_pieces_are_tagged_and_skipped_spans_teach_nothing(encoder: Encoder) -> None:
    row = Tagged("Anna Kowalski, Leeds", ((0, 13, "person"), (15, 20, SKIP)), frozenset({"person"}), "test")
    labels = tag_targets(Texts(encoder, [row.text]), [row])[0]
    assert [label for label in labels if label] == ["B-person", "I-person", "O"]


def test_a_token_may_be_what_its_set_does_not_tell_apart() -> None:
    def allowed(target: str, *known: str) -> set[str]:
        chosen = allowed_labels(target, frozenset(known)).tolist()
        return {name for name, one in zip(LABELS, chosen, strict=True) if one}

    assert allowed("I-city|place") == {"I-city", "I-place"}
    assert {"O", "B-city"} <= allowed("O", "person") and "B-person" not in allowed("O", "person")


def test_an_unmarked_type_is_not_punished(encoder: Encoder) -> None:
    torch.manual_seed(0)
    head = EntityHead().eval()
    head.classify[1].bias.data[LABELS.index("B-city")] = 40.0
    losses = []
    for known in (frozenset({"person"}), frozenset({"person", "city"})):
        rows = [Tagged("Leeds", (), known, "test")]
        texts = Texts(encoder, ["Leeds"])
        with torch.no_grad():
            losses.append(float(TagLoss(head, texts, rows, 1)(texts.batch([0]))))
    assert losses[0] < 0.1 < 5 < losses[1]


TEXTS = ["I love it", "this is great", "thank you", "I hate it", "awful, broken", "so angry"] * 2
SMALL = Plan(epochs=12, batch=6, rank=4, checkpoint_every=12, changes_rate=2e-3, head_rate=5e-3)


def learned(texts: Texts, plan: Plan, folder: Path) -> SentimentHead:
    """A head trained on TEXTS."""
    labels = torch.tensor([2, 2, 2, 0, 0, 0] * 2)
    torch.manual_seed(5)
    head = SentimentHead()

    def loss(batch: Batch) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(head(batch.ids, batch.mask).float(), labels[batch.rows])

    tune_head(head, texts, range(12), loss, plan, 5, folder)
    return head


def test_a_head_learns_and_is_served_as_it_was_trained(encoder: Encoder, tmp_path: Path) -> None:
    head = learned(Texts(encoder, TEXTS), SMALL, tmp_path / "run")
    for name, other in (("intents", IntentHead(["a", "b"])), ("entities", EntityHead())):
        make_trainable(other.encoder, 2)
        save_head(tmp_path / "out", name, other, changes_of(other.encoder))
    save_head(tmp_path / "out", "sentiment", head, changes_of(head.encoder))
    served = Heads.load(tmp_path / "out")
    moods = served.sentiment.predict(encoder.tokens(["I love it", "so angry"]))
    assert [mood.label for mood in moods] == ["positive", "negative"]
    assert served.intents.labels == ("a", "b")


def test_a_killed_run_goes_on_to_the_same_weights(encoder: Encoder, tmp_path: Path) -> None:
    texts = Texts(encoder, TEXTS)
    straight = learned(texts, SMALL, tmp_path / "a")
    killed = _Killed(texts, after=17)
    with pytest.raises(KeyboardInterrupt):
        learned(killed, SMALL, tmp_path / "b")
    assert (tmp_path / "b" / "state-12.safetensors").exists()
    resumed = learned(texts, SMALL, tmp_path / "b")
    for name, value in changes_of(straight.encoder).items():
        assert torch.equal(value, changes_of(resumed.encoder)[name]), name
    assert torch.equal(straight.classify[1].weight, resumed.classify[1].weight)


class _Killed(Texts):
    """Texts that interrupt the run after so many batches, as Ctrl-C would."""

    def __init__(self, texts: Texts, after: int) -> None:
        self.__dict__ |= texts.__dict__
        self._left = after

    def batch(self, rows: list[int]) -> Batch:
        self._left -= 1
        if self._left < 0:
            raise KeyboardInterrupt
        return super().batch(rows)


def test_held_out_rows_are_kept_apart() -> None:
    rows = [Tagged("a", (), frozenset(), "x", held_out=at == 1) for at in range(3)]
    assert parts(rows) == ([0, 2], [1])
