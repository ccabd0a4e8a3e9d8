"""What a voice asks, on virtual time: additions, noises, and what is generated preemptively."""

import pytest

from services.common.utterances import Dismissed, SpeechStarted, TurnOver, UtteranceEvent
from services.orchestrator_api.lib.conversation.listening import LONGEST, TELLS_S
from tests.orchestrator.virtual_talk import (
    DISMISSED,
    RESUMED,
    SPEAKING,
    STARTED,
    THINKING,
    VirtualTalk,
    hear,
    heard,
    likely,
    mhm,
    over,
    play,
    words,
)

# --- a question that is added to --------------------------------------------------------------------------------------


def test_who_goes_on_while_the_avatar_thinks_adds_to_the_question() -> None:
    """The turn is done anew with both, as often as that happens."""
    talk = play(
        VirtualTalk(THINKING, "What does it cost"),
        *((0, STARTED), (300, words("per")), (800, over("per month"))),
        *((900, heard(SpeechStarted, 2)), (1200, words("in", utterance=2)), (1700, over("in euros?", utterance=2))),
    )
    assert [what for what in talk.did if what.startswith("answer")] == [
        *("answer What does it cost per month", "answer What does it cost per month in euros?")
    ]
    assert talk.did.count("cancel turn") == 2


@pytest.mark.parametrize("ended", [DISMISSED, mhm(TurnOver), heard(Dismissed, reason="lost")])
def test_a_question_is_not_lost_to_a_noise(ended: UtteranceEvent) -> None:
    """A voice that lasted, cut the thinking off and then was nothing: the question is answered after all."""
    talk = play(VirtualTalk(THINKING, "What?"), (0, STARTED), (3000, ended))
    assert talk.log == [(0, "hold turn"), (TELLS_S * 1000, "cancel turn"), (3000, "answer What?")]


def test_a_typed_question_is_not_added_to() -> None:
    """Words said after it are another question."""
    talk = play(VirtualTalk(THINKING), (0, STARTED), (300, words("no")), (900, over("No, this one.")))
    assert talk.did[-1] == "answer No, this one."


def test_something_else_forgets_what_was_cut_off() -> None:
    """Stop, or another question in writing: what is said next stands for itself."""
    talk = VirtualTalk(THINKING, "What?")

    hear(talk, STARTED, words("stop it"))
    talk.listening.forget()
    hear(talk, over("Stop it."))
    assert talk.did[-1] == "answer Stop it."


def test_a_turn_without_words_is_nothing() -> None:
    """Blank texts ask nothing, whatever the message is called."""
    talk = play(VirtualTalk(), (0, STARTED), (100, words("")), (200, likely("  ")), (300, over(" ")))
    assert talk.did == []
    assert talk.preemptive == ""


def test_of_a_question_that_is_too_long_the_end_counts() -> None:
    """A session does not break because somebody talked for minutes."""
    talk = play(VirtualTalk(), (0, STARTED), (300_000, over("so " * 2000 + "what?")))
    (answer,) = talk.did
    assert len(answer) == len("answer ") + LONGEST
    assert answer.endswith("so what?")


# --- preemptive generation --------------------------------------------------------------------------------------------


def test_a_reply_is_generated_when_the_person_is_probably_done() -> None:
    """And thrown away when they go on, or when it was nothing."""
    for end in (RESUMED, DISMISSED):
        talk = VirtualTalk()
        hear(talk, STARTED, words("what"), likely("What?"))
        assert talk.preemptive == "What?"
        hear(talk, end)
        assert talk.preemptive == ""


def test_a_reply_is_generated_without_a_partial_before() -> None:
    """Short questions are over before their words were told."""
    talk = VirtualTalk()
    hear(talk, STARTED)
    hear(talk, likely("Why?"))
    assert talk.preemptive == "Why?"


def test_nothing_is_generated_for_a_backchannel() -> None:
    """There is nothing to answer."""
    talk = play(VirtualTalk(SPEAKING), (0, STARTED), (300, mhm()), (600, likely("mm-hm")))
    assert talk.preemptive == ""
