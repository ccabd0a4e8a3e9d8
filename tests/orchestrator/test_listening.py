"""What a session makes of what it hears, on virtual time: asr that dies, and every order of messages."""

import itertools
from collections.abc import Iterator

import pytest

from services.common.utterances import SpeechStarted, TurnOver, UtteranceEvent
from services.orchestrator_api.lib.state import State
from tests.orchestrator.virtual_talk import (
    DISMISSED,
    LISTENING,
    PAUSED,
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

# --- asr dies ---------------------------------------------------------------------------------------------------------


def test_another_run_of_asr_ends_what_the_one_before_began() -> None:
    """In the middle of a word: the answer goes on; late messages of the old run do nothing."""
    talk = play(VirtualTalk(SPEAKING), (0, STARTED), (200, heard(SpeechStarted, instance="b")))
    assert talk.log[:3] == [(0, "hold turn"), (200, "release turn"), (200, "hold turn")]
    talk = VirtualTalk(SPEAKING)
    hear(talk, STARTED)
    talk.follow(talk.listening.heard_by("b"))
    assert talk.state is SPEAKING
    hear(talk, words("late"))
    assert talk.did == ["hold turn", "release turn"]


def test_the_same_run_of_asr_loses_nothing() -> None:
    """The same run, told of once more, is no reason to end anything."""
    talk = VirtualTalk(SPEAKING)
    hear(talk, STARTED)
    talk.follow(talk.listening.heard_by("a"))
    assert talk.state is PAUSED


def test_an_utterance_whose_start_was_missed_is_answered() -> None:
    """An orchestrator that came in the middle of it hears the rest."""
    assert play(VirtualTalk(), (0, words("what is")), (500, over("What is it?"))).did == ["answer What is it?"]


# --- everything -------------------------------------------------------------------------------------------------------


def utterances() -> Iterator[tuple[UtteranceEvent, ...]]:
    """Every utterance of up to four messages between its start and its end."""
    between = (words("so"), mhm(), likely("so"), RESUMED)
    for length in range(5):
        for middle in itertools.product(between, repeat=length):
            for end in (over("So?"), mhm(TurnOver), DISMISSED):
                yield (STARTED, *middle, end)


@pytest.mark.parametrize("state", [LISTENING, THINKING, SPEAKING])
@pytest.mark.parametrize("every_ms", [50, 450, 1500])
def test_after_every_utterance_nothing_is_held_and_nothing_is_lost(state: State, every_ms: int) -> None:
    """However it goes: no turn stays held, nothing stays generated, what is shown as said is gone; a question that
    was not over an answer is answered, one that was cut off and came to nothing too."""
    for utterance in utterances():
        talk = play(VirtualTalk(state, "First?"), *((every_ms * i, message) for i, message in enumerate(utterance)))
        last = utterance[-1]
        asks = isinstance(last, TurnOver) and not (last.backchannel and state is not LISTENING)
        cut_off = state is THINKING and "cancel turn" in talk.did
        answers = [what for what in talk.did if what.startswith("answer")]
        assert len(answers) == (asks or cut_off), utterance
        assert not talk.state.held, utterance
        assert talk.preemptive == "", utterance
        assert answers or talk.shown[-1] == ("", True), utterance
