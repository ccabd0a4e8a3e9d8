"""What is transcribed for a turn, and which transcripts count."""

from services.asr.audio.vad import FRAME_MS
from services.asr.transcription.engine import Transcription
from services.asr.turns.classifier import Classification, classify
from services.asr.turns.outputs import Interim, Over
from tests.asr.talk import COMPLETE, RULES, Talk


def test_words_once_understood_are_not_lost_to_a_last_reading_as_noise() -> None:
    """The last transcription may go wrong where a draft went right; what was only a murmur is noise then."""
    for text, kinds in (
        (COMPLETE, ["Started", "Interim", "EagerEnd", "Over"]),
        ("Mm-hm.", ["Started", "Interim", "Dropped"]),
    ):
        talk = Talk(takes_ms=None).voice(960)
        talk.answer(talk.requests[-1], classify(Transcription(text, -0.3, 0.1), 900)).silence(128)
        talk.answer(talk.requests[-1], Classification(noise=True)).silence(960)
        assert talk.kinds() == kinds
        assert [over.text for over in talk.only(Over) if isinstance(over, Over)] == [text] * kinds.count("Over")


def test_a_doubtful_draft_interrupts_nobody() -> None:
    """A syllable that nobody can be sure of might be the first of an "mm-hm"; more of it may show that it is a word."""
    talk = Talk(takes_ms=None).voice(320)
    talk.answer(talk.requests[-1], classify(Transcription("And you", -1.3, 0.4), 256)).voice(640)
    talk.answer(talk.requests[-1], classify(Transcription("And your documents", -0.3, 0.1), 900))
    assert talk.only(Interim) == [
        Interim("And you", backchannel=True),
        Interim("And your documents", backchannel=False),
    ]


def test_only_what_changed_is_transcribed_again() -> None:
    """Words before a pause are settled once the turn is long, and none is lost: no request holds more than a window."""
    talk = Talk("and then some more")
    for _ in range(8):
        talk.voice(4480).silence(320)
    talk.silence(1920)
    assert max(request.end_ms - request.start_ms for request in talk.requests) < 16_000
    (over,) = talk.only(Over)
    assert isinstance(over, Over)
    assert over.text.count("and then some more") >= 4


def test_speech_without_a_breath_is_cut_where_it_is_softest() -> None:
    """Nobody who never pauses is transcribed beyond Whisper's thirty seconds."""
    talk = Talk("on and on").voice(24_000).hear(FRAME_MS, 0.4).voice(40_000).silence(1920)
    assert max(request.end_ms - request.start_ms for request in talk.requests) <= RULES.longest_ms + FRAME_MS
    first = next(request for request in talk.requests if request.start_ms > 0)
    assert first.start_ms == 24_000 + FRAME_MS
    assert len(talk.only(Over)) == 1


def test_sound_that_is_needed_is_kept() -> None:
    """No order reaches behind what the machine said that it keeps."""
    talk = Talk(takes_ms=160)
    kept = 0
    for probability in ([0.0] * 50 + [0.3] * 20 + [0.9] * 60 + [0.0] * 12) * 4:
        before = len(talk.requests)
        talk.hear(FRAME_MS, probability)
        assert all(request.start_ms >= kept for request in talk.requests[before:])
        kept = talk.turns.keeps_from_ms
