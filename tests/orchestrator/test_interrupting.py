"""Which voice interrupts an answer, on virtual time."""

import pytest

from services.common.utterances import SpeechStarted, TurnOver, UtteranceEvent
from services.orchestrator_api.lib.conversation.listening import LASTS_S, TELLS_S
from tests.orchestrator.virtual_talk import (
    DISMISSED,
    LISTENING,
    RESUMED,
    SPEAKING,
    STARTED,
    VirtualTalk,
    heard,
    likely,
    mhm,
    over,
    play,
    words,
)

# --- a front end that listens by itself -------------------------------------------------------------------------------


@pytest.mark.parametrize("lasts_ms", [0, 1, 100, 399, 400, 401, 3000])
def test_a_voice_of_known_length_interrupts_from_400_ms_on(lasts_ms: int) -> None:
    """Shorter, the answer goes on where it stopped; it has stood still since the onset either way."""
    talk = play(VirtualTalk(SPEAKING), (1000, True), (1000 + lasts_ms, False))
    if lasts_ms < LASTS_S * 1000:
        assert talk.log == [(1000, "hold turn"), (1000 + lasts_ms, "release turn")]
        assert talk.state is SPEAKING
    else:
        assert talk.log == [(1000, "hold turn"), (1400, "cancel turn")]
        assert talk.state is LISTENING


def test_a_voice_again_is_measured_anew() -> None:
    """Two short sounds are no long one; telling twice that somebody speaks does not start the measure again."""
    talk = play(VirtualTalk(SPEAKING), (0, True), (300, False), (350, True), (650, False), (700, True), (900, True))
    assert talk.log[-1] == (1100, "cancel turn")
    assert talk.did.count("release turn") == 2


def test_a_voice_while_nothing_is_answered_does_nothing() -> None:
    """Nor does one that stops without having begun."""
    assert play(VirtualTalk(LISTENING), (0, False), (100, True), (900, False)).log == []


# --- asr: what interrupts ---------------------------------------------------------------------------------------------


def test_words_interrupt() -> None:
    """Held from the onset on, cancelled with the first words; what was said becomes the next question."""
    talk = play(VirtualTalk(SPEAKING), (0, STARTED), (380, words("no wait")), (1300, over("No, wait a moment.")))
    assert talk.log == [(0, "hold turn"), (380, "cancel turn"), (1300, "answer No, wait a moment.")]


@pytest.mark.parametrize("then", [words("stop it"), words("stop"), likely("Stop."), over("Stop.")])
def test_a_single_word_interrupts_once_it_is_confirmed(then: UtteranceEvent) -> None:
    """By the next guess, whichever it is, or by the pause after it."""
    talk = play(VirtualTalk(SPEAKING), (0, STARTED), (380, words("stop")), (700, then))
    assert talk.log[:2] == [(0, "hold turn"), (700, "cancel turn")]


def test_a_misheard_syllable_does_not_interrupt() -> None:
    """ "God" that turns out to be "Got it" was a backchannel all along."""
    talk = play(VirtualTalk(SPEAKING), (0, STARTED), (380, words("God")), (900, likely("Got it.", backchannel=True)))
    assert talk.log == [(0, "hold turn"), (900, "release turn")]


def test_a_cough_does_not_interrupt() -> None:
    """The answer goes on as soon as it is known that it was nothing, and what was shown of it goes away."""
    talk = play(VirtualTalk(SPEAKING), (0, STARTED), (600, DISMISSED))
    assert talk.log == [(0, "hold turn"), (600, "release turn")]
    assert talk.shown == [("", True)]
    assert talk.state is SPEAKING


def test_a_backchannel_does_not_interrupt_however_long_it_takes() -> None:
    """ "mm-hm" lets the answer go on at its end; its later final words are no question."""
    talk = play(VirtualTalk(SPEAKING), (0, STARTED), (500, mhm()), (3000, likely("mm-hm")), (3300, mhm(TurnOver)))
    assert talk.log == [(0, "hold turn"), (3000, "release turn")]


def test_a_backchannel_that_goes_on_interrupts() -> None:
    """ "yeah" is nothing, "yeah but why" is; even where the answer went on in between it stands still at once."""
    talk = play(
        VirtualTalk(SPEAKING),
        *((0, STARTED), (300, mhm()), (600, likely("yeah")), (900, RESUMED), (1200, words("yeah but why"))),
        (2000, over("Yeah, but why?")),
    )
    assert talk.log == [
        *((0, "hold turn"), (600, "release turn"), (900, "hold turn"), (1200, "cancel turn")),
        (2000, "answer Yeah, but why?"),
    ]


def test_a_backchannel_that_ends_without_a_partial_does_not_interrupt() -> None:
    """Where no word was told before, the pause after them decides nothing; their end does."""
    talk = play(VirtualTalk(SPEAKING), (0, STARTED), (700, likely("mm-hm")), (900, mhm(TurnOver)))
    assert talk.log == [(0, "hold turn"), (900, "release turn")]


def test_a_voice_that_asr_cannot_tell_in_time_interrupts() -> None:
    """Counted from the onset, not from the message that told of it."""
    talk = play(VirtualTalk(SPEAKING), (1000, heard(SpeechStarted, onset_ms=90)))
    assert talk.log == [(1000, "hold turn"), (round(910 + TELLS_S * 1000), "cancel turn")]


def test_words_that_ask_nothing_while_nothing_is_answered_are_a_question() -> None:
    """ "Yes" to an avatar that has asked something is an answer, and no backchannel."""
    talk = play(VirtualTalk(LISTENING), (0, STARTED), (300, mhm()), (900, mhm(TurnOver)))
    assert talk.did == ["answer mm-hm"]
