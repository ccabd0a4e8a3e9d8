"""What is no turn: noise, clicks, and the avatar's own voice."""

import pytest

from services.asr.audio.vad import FRAME_MS
from services.asr.transcription.engine import Transcription
from services.asr.turns.classifier import Classification, classify
from services.asr.turns.detector import Phase
from services.asr.turns.outputs import Dropped, Started
from tests.asr.talk import COMPLETE, Talk


def test_what_only_looks_like_a_voice_is_dismissed_soon() -> None:
    """A click that passes for voice holds the avatar up for 200 ms; in the pause of a turn it changes nothing."""
    talk = Talk("").silence(640).voice(FRAME_MS).silence(640)
    assert talk.outputs == [Started(FRAME_MS), Dropped("noise")]
    assert talk.turns.phase is Phase.QUIET
    clicked = Talk().voice(1280).silence(320).voice(FRAME_MS).silence(640)
    assert clicked.kinds().count("Over") == 1
    assert "Resumed" not in clicked.kinds()


@pytest.mark.parametrize(
    "words", [Transcription(""), Transcription("[coughs]"), Transcription("Thank you.", -1.1, 0.7)]
)
def test_what_has_no_words_is_dismissed(words: Transcription) -> None:
    """A cough ends as noise as soon as its silence is clear, in 200 ms."""
    talk = Talk(takes_ms=None).voice(320).silence(96)
    talk.answer(talk.requests[-1], classify(words, 320)).silence(128)
    assert talk.outputs == [Started(32), Dropped("noise")]
    assert talk.turns.now_ms == 320 + 224


def test_noise_without_end_is_dismissed_and_ignored_until_it_ends() -> None:
    """A vacuum cleaner that passes for a voice holds nothing up for longer than a few seconds."""
    talk = Talk("").voice(8000)
    assert talk.kinds() == ["Started", "Dropped"]
    talk.silence(640)
    talk.text = COMPLETE
    talk.voice(640).silence(960)
    assert talk.kinds()[-1] == "Over"


def test_the_avatars_own_voice_starts_nothing() -> None:
    """Frames that are echo are no voice; a person who speaks over them is heard."""
    talk = Talk().hear(3200, 0.97, echo=True)
    assert talk.outputs == []
    talk.voice(640).hear(960, 0.97, echo=True)
    assert talk.kinds()[0] == "Started"
    assert talk.kinds()[-1] == "Over"


def test_the_avatars_own_words_are_dismissed() -> None:
    """Where the waveform did not give it away, the words do; what follows at once belongs to it."""
    talk = Talk(takes_ms=None).voice(640)
    talk.answer(talk.requests[-1], Classification("do", echo=True)).voice(640).silence(96)
    assert talk.outputs == [Started(32), Dropped("echo")]
    talk.silence(640).voice(128)
    assert talk.kinds()[-1] == "Started"
