"""When a turn begins, goes on and is over: the state machine, on the time of the sound."""

from typing import Any

import pytest

from services.asr.audio.vad import FRAME_MS
from services.asr.turns.detector import Phase
from services.asr.turns.outputs import Dropped, EagerEnd, Interim, Over, Started
from tests.asr.talk import COMPLETE, RULES, UNFINISHED, Talk


def test_a_question_is_one_turn() -> None:
    """Started, said in part, likely over, over: in this order, once, with the words."""
    talk = Talk().silence(640).voice(1600).silence(960)
    assert talk.kinds() == ["Started", "Interim", "EagerEnd", "Over"]
    over = talk.outputs[-1]
    assert over == Over(COMPLETE, backchannel=False, silence_ms=672, waited_ms=0)
    assert talk.turns.phase is Phase.QUIET


def test_the_onset_is_told_with_the_first_frame_and_dated_back() -> None:
    """A voice is there after one frame; the time since the first that came near it goes with it."""
    talk = Talk().silence(640).hear(32, 0.3).voice(32)
    assert talk.outputs == [Started(onset_ms=64)]


@pytest.mark.parametrize(
    ("sound", "begins"),
    [
        ({"probability": 0.25, "loud": True}, True),
        ({"probability": 0.25}, False),
        ({"probability": 0.1, "loud": True}, False),
        ({"probability": 0.25, "loud": True, "echo": True}, False),
    ],
)
def test_a_hiss_may_begin_a_voice(sound: dict[str, Any], begins: bool) -> None:
    """An "s" hardly looks like a voice; one that stands out from the room begins a turn all the same."""
    assert Talk().silence(640).hear(FRAME_MS, **sound).kinds() == (["Started"] if begins else [])


def test_what_the_detector_remembers_of_a_voice_is_not_the_voice() -> None:
    """In a noisy room it is sure of it for some frames more. The silence counts from the last sure or loud one."""
    talk = Talk().voice(1280).hear(64, 0.8).hear(64, 0.5).silence(960)
    (over,) = talk.only(Over)
    assert isinstance(over, Over)
    assert over.silence_ms == 672
    assert talk.requests[-1].end_ms == 1280 + 128 + 32  # transcribed as soon as it has left


def test_soft_speech_in_a_noisy_room_goes_on() -> None:
    """What stays likely for longer than a trail is somebody who speaks softly."""
    talk = Talk().voice(1280).hear(1280, 0.7)
    assert not talk.only(Over)
    assert talk.turns.phase is Phase.SPEAKING
    assert talk.silence(960).only(Over) == [Over(COMPLETE, backchannel=False, silence_ms=672, waited_ms=0)]


@pytest.mark.parametrize("pause_ms", range(32, 650, 32))
def test_no_pause_up_to_600_ms_cuts_a_turn(pause_ms: int) -> None:
    """However complete the words before it sound."""
    talk = Talk().voice(1280).silence(pause_ms).voice(1280).silence(960)
    assert len(talk.only(Over)) == 1
    assert talk.kinds()[-1] == "Over"


def test_what_was_likely_over_is_taken_back() -> None:
    """A person who goes on after "likely over" has resumed, once for each time."""
    talk = Talk().voice(1280).silence(512).voice(640).silence(512).voice(640).silence(960)
    assert [k for k in talk.kinds() if k != "Interim"] == [
        *("Started", "EagerEnd", "Resumed", "EagerEnd", "Resumed", "EagerEnd", "Over")
    ]


def test_words_that_promise_more_are_waited_for() -> None:
    """ "I would like to" is not over after a second of silence, and over in the end."""
    talk = Talk(UNFINISHED).voice(1280).silence(1152)
    assert not talk.only(Over)
    talk.silence(800)
    (over,) = talk.only(Over)
    assert isinstance(over, Over)
    assert 1300 <= over.silence_ms <= RULES.unfinished_pause_ms


def test_the_likely_end_comes_long_before_the_end() -> None:
    """There is time to prepare the reply: at least 400 ms for a finished question whose words come at once."""
    talk = Talk().voice(1280)
    talk.silence(224)
    assert talk.kinds()[-1] == "EagerEnd"
    talk.silence(384)
    assert talk.kinds()[-1] == "EagerEnd"


def test_late_words_are_waited_for_and_the_wait_is_told() -> None:
    """Silence alone never ends a turn: it ends with its words, and says how long they took."""
    talk = Talk(takes_ms=None).voice(1280).silence(1280)
    assert not talk.only(Over)
    talk.answer(talk.requests[-1])
    (over,) = talk.only(Over)
    assert isinstance(over, Over)
    assert (over.silence_ms, over.waited_ms) == (1280, 620)


def test_what_may_become_a_voice_puts_the_end_off() -> None:
    """A sound at the very moment of the end, which is no voice yet, is given six frames to become one; not more."""
    chances: list[dict[str, Any]] = [{"probability": 0.3}, {"probability": 0.05, "loud": True}]
    for chance in chances:
        talk = Talk().voice(1280).silence(640)
        assert len(talk.hear(5 * FRAME_MS, **chance).voice(640).silence(960).only(Over)) == 1
        talk = Talk().voice(1280).silence(640)
        assert len(talk.hear(7 * FRAME_MS, **chance).only(Over)) == 1


def test_backchannels_are_marked() -> None:
    """ "Mm-hm" is a turn like any other; that it asks for nothing is said with it."""
    talk = Talk("Mm-hm.").voice(480).silence(960)
    assert talk.outputs == [
        Started(32),
        Interim("Mm-hm.", backchannel=True),
        EagerEnd("Mm-hm.", 0.9, backchannel=True),
        Over("Mm-hm.", backchannel=True, silence_ms=768, waited_ms=0),
    ]


def test_a_lost_microphone() -> None:
    """A turn whose words are known is over; one in mid-word is lost; silence loses nothing."""
    assert Talk().silence(640).turns.lost() == []
    assert Talk().voice(640).turns.lost() == [Dropped("lost")]
    known = Talk().voice(640).silence(224)
    assert known.turns.lost() == [Over(COMPLETE, backchannel=False, silence_ms=224, waited_ms=0)]
    assert known.turns.phase is Phase.QUIET
