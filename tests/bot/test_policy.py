"""The deciding, case by case."""

from __future__ import annotations

import pytest

from bot.messages import Answer, HandOff, Silent, Suggest
from bot.policy import Asked, Context, Policy, revise, signed, unsigned
from tests.fakes import draft, reading

CAREFUL = Policy()
ALONE = Policy(mode="automatic", automatic_floor=0.7)


def test_an_ordinary_question_is_left_to_us() -> None:
    assert CAREFUL.triage(reading(), Context("Where is my order TT-104823?")) is None


@pytest.mark.parametrize(
    "text",
    [
        "Can I speak to a human please?",
        "i want to talk to someone real",
        "put me through to a manager",
        "Is there a real person there?",
        "I need a human",
        "person",
        "agent please!",
        "stop bot",
        "let me chat with an advisor",
    ],
)
def test_asking_for_a_person_in_words_hands_off(text: str) -> None:
    assert CAREFUL.triage(reading(intent="other"), Context(text)) == HandOff("asked_for_person")


@pytest.mark.parametrize(
    "text",
    [
        "I spoke to someone yesterday and the parcel is still missing",
        "The person at the door was not my neighbour",
        "I don't need to speak to anyone, a person told me already, thanks",
        "How many people fit in the tent?",
        "Do you sell gifts for a person who has everything?",
    ],
)
def test_a_mention_of_people_is_no_request_for_one(text: str) -> None:
    assert CAREFUL.triage(reading(), Context(text)) is None


def test_the_intent_talk_to_person_hands_off_when_it_is_sure() -> None:
    sure = reading(intent="talk_to_person", intent_score=0.8)
    unsure = reading(intent="talk_to_person", intent_score=0.3)
    assert CAREFUL.triage(sure, Context("could one of you ring me")) == HandOff("asked_for_person")
    assert CAREFUL.triage(unsure, Context("could one of you ring me")) is None


@pytest.mark.parametrize("intent", ["suspicious_message", "privacy_request", "account_delete"])
def test_sensitive_intents_hand_off(intent: str) -> None:
    assert CAREFUL.triage(reading(intent=intent), Context("...")) == HandOff("sensitive_intent")


@pytest.mark.parametrize(
    "text",
    ["the stove caught fire in my tent", "you'll hear from my solicitor", "I will sue", "this is fraud"],
)
def test_safety_and_the_law_hand_off_whatever_the_intent(text: str) -> None:
    assert CAREFUL.triage(reading(), Context(text)) == HandOff("sensitive_intent")


def test_very_negative_and_angry_words_hand_off() -> None:
    angry = reading(negative=0.95)
    assert CAREFUL.triage(angry, Context("This is absolutely ridiculous")) == HandOff("very_angry")


def test_very_negative_complaint_hands_off() -> None:
    assert CAREFUL.triage(reading(negative=0.95, intent="complaint"), Context("bad")) == HandOff("very_angry")


def test_negative_alone_does_not_hand_off() -> None:
    assert CAREFUL.triage(reading(negative=0.95), Context("my parcel never came")) is None
    assert CAREFUL.triage(reading(negative=0.6), Context("this is ridiculous")) is None


def test_a_second_angry_message_in_a_row_hands_off() -> None:
    before = (Asked("order_status", 0.2), Asked("order_status", 0.93))
    context = Context("still nothing", unsettled=before)
    assert CAREFUL.triage(reading(negative=0.92), context) == HandOff("very_angry")
    calmed = Context("still nothing", unsettled=before[::-1])
    assert CAREFUL.triage(reading(negative=0.92), calmed) is None


def test_an_unserved_language_hands_off_and_a_short_text_does_not() -> None:
    assert CAREFUL.triage(reading(language="pl"), Context("Gdzie paczka?")) == HandOff("unknown_language")
    assert CAREFUL.triage(reading(language="und"), Context("TT-104823")) is None


def test_the_fourth_time_of_asking_hands_off() -> None:
    three = (Asked("order_status", 0.1),) * 3
    assert CAREFUL.triage(reading(), Context("where?", unsettled=three)) == HandOff("repeated_failure")
    assert CAREFUL.triage(reading(), Context("where?", unsettled=three[:2])) is None


def test_another_question_in_between_is_no_repeated_failure() -> None:
    mixed = (Asked("order_status", 0.1), Asked("refund_status", 0.1), Asked("order_status", 0.1))
    assert CAREFUL.triage(reading(), Context("where?", unsettled=mixed)) is None


def test_thanking_often_is_no_failure() -> None:
    thanks = (Asked("thanks_goodbye", 0.0),) * 3
    assert CAREFUL.triage(reading(intent="thanks_goodbye"), Context("thanks!", unsettled=thanks)) is None


def test_what_a_person_owns_is_not_handed_off_again() -> None:
    context = Context("I want a real person", owned_by_person=True)
    assert ALONE.triage(reading(), context) is None


def test_draft_mode_suggests() -> None:
    assert isinstance(CAREFUL.decide(reading(), [draft()], Context("hi")), Suggest)


def test_no_drafts_means_silence() -> None:
    assert isinstance(ALONE.decide(reading(), [], Context("hi")), Silent)


def test_off_mode_is_silent_and_wants_no_drafts() -> None:
    off = Policy(mode="off")
    assert isinstance(off.decide(reading(), [draft()], Context("hi")), Silent)
    assert not off.wants_drafts(reading())


def test_automatic_mode_answers_above_the_floor() -> None:
    assert ALONE.decide(reading(), [draft(score=0.7)], Context("hi")) == Answer(0)


def test_automatic_mode_leaves_a_doubtful_draft_to_an_agent() -> None:
    decision = ALONE.decide(reading(), [draft(score=0.69)], Context("hi"))
    assert isinstance(decision, Suggest)
    assert "0.69" in decision.why


def test_automatic_mode_never_sends_an_unfilled_slot() -> None:
    decision = ALONE.decide(reading(), [draft(score=0.99, unfilled=["eta_date"])], Context("hi"))
    assert isinstance(decision, Suggest)
    assert "eta_date" in decision.why


def test_automatic_mode_leaves_what_it_is_unsure_about_to_an_agent() -> None:
    for unsure in (reading(intent_score=0.4), reading(intent="out_of_scope")):
        assert isinstance(ALONE.decide(unsure, [draft(score=0.99)], Context("hi")), Suggest)


def test_the_floor_of_one_version_lets_nothing_of_another_out() -> None:
    rules = Policy(mode="automatic", floors={"v1": 0.7})
    sure = [draft(score=0.9)]
    assert rules.of_version("v1").decide(reading(), sure, Context("hi")) == Answer(0)
    for version in ("v2", "none"):
        assert isinstance(rules.of_version(version).decide(reading(), sure, Context("hi")), Suggest)
    assert not Policy(mode="draft", floors={"v1": 0.7}).of_version("v1").lets_out(0.9)


def test_only_what_could_have_gone_out_alone_teaches_how_high_a_score_must_be() -> None:
    plain = Context("where is it?")
    assert CAREFUL.could_go_alone(reading(), [draft(score=0.1)], plain)
    assert CAREFUL.could_go_alone(reading(), [draft()], Context("where is it?", owned_by_person=True))
    assert not CAREFUL.could_go_alone(reading(), [], plain)
    assert not CAREFUL.could_go_alone(reading(), [draft(unfilled=["eta_date"])], plain)
    assert not CAREFUL.could_go_alone(reading(intent="privacy_request"), [draft()], plain)
    angry = Context("This is ridiculous", owned_by_person=True)
    assert not CAREFUL.could_go_alone(reading(negative=0.95), [draft()], angry)


def test_automatic_mode_without_a_measured_floor_only_suggests() -> None:
    unmeasured = Policy(mode="automatic")
    assert isinstance(unmeasured.decide(reading(), [draft(score=1.0)], Context("hi")), Suggest)


def test_the_bot_is_silent_where_a_person_has_taken_over() -> None:
    context = Context("hi", owned_by_person=True)
    assert isinstance(ALONE.decide(reading(), [draft(score=1.0)], context), Suggest)


def test_no_drafts_are_wanted_in_an_unserved_language() -> None:
    assert not CAREFUL.wants_drafts(reading(language="pl"))
    assert isinstance(CAREFUL.decide(reading(language="pl"), [draft()], Context("...")), Silent)


def test_an_automatic_reply_says_so_and_the_models_do_not_see_that() -> None:
    sent = signed("Your parcel is on its way.")
    assert "automatic" in sent
    assert "person" in sent
    assert unsigned(sent) == "Your parcel is on its way."


def test_what_happened_meanwhile_revises_the_decision() -> None:
    nothing = {"overtaken": False, "answered": False, "owned_by_person": False, "automatic": True}
    assert revise(Answer(0), **nothing) == Answer(0)
    assert isinstance(revise(Answer(0), **nothing | {"overtaken": True}), Silent)
    assert isinstance(revise(Suggest("x"), **nothing | {"answered": True}), Silent)
    assert isinstance(revise(Answer(0), **nothing | {"owned_by_person": True}), Suggest)
    assert revise(Suggest("x"), **nothing | {"owned_by_person": True}) == Suggest("x")
    assert isinstance(revise(Answer(0), **nothing | {"automatic": False}), Suggest)


def test_a_hand_off_stands_whatever_happened_meanwhile() -> None:
    hand_off = HandOff("very_angry")
    assert revise(hand_off, overtaken=True, answered=True, owned_by_person=True, automatic=False) == hand_off


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        ("ok", True),
        ("TT-104823", True),
        ("คำสั่งซื้อของฉันอยู่ที่ไหน", False),
        ("iko wapi oda yangu tafadhali", False),
    ],
)
def test_what_may_be_another_language_is_never_answered_alone(text: str, alone: bool) -> None:
    decision = ALONE.decide(reading(text, language="und"), [draft(score=1.0)], Context(text))
    assert isinstance(decision, Answer) == alone
