"""What agents did with drafts: a corrected value is no preference, and neither is a comma."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nlp.reading import Reader
from nlp.registry import STARTER_FOLDER
from nlp.types import Analysis, Intent, ReplyRequest, Sentiment, Turn
from training.corpus import Dialogue
from training.files import Conversation, Drafted, conversation_row
from training.ledger import drafts_of, preferences, refused
from training.questions import Question

SENT = "I'm sorry, the parcel was lost. We will send another one today."
LATE, WAIT = "Your parcel is late.", "Please wait a little longer."


@pytest.mark.parametrize(
    ("drafts", "worse"),
    [
        ([], None),
        ([Drafted(LATE, "accepted"), Drafted(WAIT, "rejected")], None),
        ([Drafted(LATE, "ignored"), Drafted(WAIT, "edited")], WAIT),
        ([Drafted(SENT.replace("another one", "another"), "edited")], None),
        ([Drafted(LATE, "rejected"), Drafted(WAIT, "rejected")], LATE),
        ([Drafted(LATE, "rejected"), Drafted(WAIT, "edited")], WAIT),
        ([Drafted(LATE, "ignored"), Drafted(WAIT, "ignored")], None),
    ],
)
def test_what_an_agent_wrote_is_preferred_to_what_they_changed_or_rejected(
    drafts: list[Drafted], worse: str | None
) -> None:
    assert refused(SENT, drafts) == worse


def test_preferences_are_of_questions_by_their_number() -> None:
    reading = Analysis("en", 0.9, Sentiment(0.1, 0.8, 0.1), (), Intent("", 0.0), np.zeros(384, np.float32))
    turns = (("customer", "Where is it?"), ("agent", SENT))
    asked = [
        Question(Dialogue(name, name, turns), 1, ReplyRequest((), reading, {}, {}))  # type: ignore[arg-type]
        for name in ("a", "b")
    ]
    assert preferences(asked, {("b", 1): (Drafted(LATE, "rejected"),)}) == [(1, LATE)]


def test_drafts_come_in_with_their_turn_and_stay_with_it_through_cleaning() -> None:
    one = conversation_row(
        {
            "conversation_id": "1",
            "turns": [
                {"role": "customer", "text": "Hi"},
                {"role": "customer", "text": "Where is it?"},
                {"role": "agent", "text": SENT, "drafts": [{"text": LATE, "outcome": "rejected"}]},
            ],
        }
    )
    assert one.drafts == ((), (), (Drafted(LATE, "rejected"),))
    assert one.only((at, one.turns[at]) for at in (1, 2)).drafts == ((), (Drafted(LATE, "rejected"),))
    assert replace(one, drafts=()).only([(0, one.turns[0])]).drafts == ()


@pytest.mark.slow
def test_drafts_become_templates_in_the_light_of_what_the_customer_said() -> None:
    said = "I'm sorry, order TT-104823 goes to anna@example.com tomorrow."
    one = Conversation(
        "c",
        (Turn("customer", "My order TT-104823 is late, I'm anna@example.com"), Turn("agent", said)),
        drafts=((), (Drafted(said.replace("TT-104823", "TT-999999"), "edited"), Drafted(LATE, "ignored"))),
    )
    found = drafts_of([one, replace(one, id="none", drafts=())], Reader.load(STARTER_FOLDER / "heads"))
    assert list(found) == [("c", 1)]
    first, second = found["c", 1]
    assert "TT-" not in first.text and "@" not in first.text and "<|slot:order_id|>" in first.text
    assert (first.outcome, second) == ("edited", Drafted(LATE, "ignored"))
