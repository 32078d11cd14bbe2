"""Named intents speak where the head is unsure, and only there; they come and go while we serve."""

from __future__ import annotations

import numpy as np
import pytest

from nlp.named import NamedIntents, Vectors
from nlp.types import OUT_OF_SCOPE
from tests.fakes import FakeBrain, reading, vector_of


def heap(topic: str, count: int, start: int = 0) -> Vectors:
    """Unit vectors near to that of the topic."""
    made = np.stack([vector_of(topic) + 0.5 * vector_of(f"{topic}{start + at}") for at in range(count)])
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


LOG = np.concatenate([heap(topic, 10) for topic in ("parcels", "refunds", "hours")])
NOTHING = np.zeros((0, 384), dtype=np.float32)


def test_one_named_intent_is_told_from_the_rest_of_the_log() -> None:
    named = NamedIntents()
    named.learn(["engraving"] * 8, heap("engraving", 8), LOG)
    assert set(named.names(heap("engraving", 5, 50))) == {"engraving"}
    assert set(named.names(heap("parcels", 5, 50))) == {OUT_OF_SCOPE}


@pytest.mark.parametrize("names", [["engraving"], ["engraving", "wrapping"]])
def test_without_a_log_nearness_alone_decides(names: list[str]) -> None:
    named = NamedIntents()
    examples = np.concatenate([heap(name, 8) for name in names])
    named.learn([name for name in names for _ in range(8)], examples, NOTHING)
    for name in names:
        assert set(named.names(heap(name, 5, 50))) == {name}
    assert set(named.names(heap("parcels", 5, 50))) == {OUT_OF_SCOPE}


def test_messages_of_the_log_that_mean_the_same_are_no_contrast() -> None:
    named = NamedIntents()
    named.learn(["engraving"] * 8, heap("engraving", 8), np.concatenate([LOG, heap("engraving", 30)]))
    assert set(named.names(heap("engraving", 5, 50))) == {"engraving"}


def test_only_unsure_readings_are_changed() -> None:
    named = NamedIntents()
    named.learn(["engraving"] * 8, heap("engraving", 8), LOG)
    brain = FakeBrain()
    wrapped = named.around(brain)
    (vector,) = heap("engraving", 1, 50)
    for intent, score, expected in (
        ("order_status", 0.9, "order_status"),
        ("order_status", 0.3, "engraving"),
        (OUT_OF_SCOPE, 0.9, "engraving"),
    ):
        made = reading("Do you engrave", intent=intent, intent_score=score)
        object.__setattr__(made, "embedding", vector)
        brain.readings.append(made)
        (read,) = wrapped.understand(["Do you engrave"])
        assert read.intent.name == expected
    assert wrapped.version == brain.version


def test_what_is_named_is_learned_and_forgotten_while_serving() -> None:
    named = NamedIntents()
    asked = heap("engraving", 3, 50)
    assert named.names(asked) == [OUT_OF_SCOPE] * 3
    named.learn(["engraving"] * 8, heap("engraving", 8), LOG)
    assert named.names(asked) == ["engraving"] * 3
    named.learn([], NOTHING, LOG)
    assert named.names(asked) == [OUT_OF_SCOPE] * 3
    assert named.names(NOTHING) == []
