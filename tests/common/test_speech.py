"""The speech message."""

import base64
from typing import Any

import pytest
from pydantic import ValidationError

from services.common.speech import VISEMES, Speech


def chunk(t0: int, t1: int, *, samples: int | None = None, sr: int = 16000) -> dict[str, Any]:
    count = (t1 - t0) * sr // 1000 if samples is None else samples
    return {"t0": t0, "t1": t1, "pcm_b64": base64.b64encode(b"\1\2" * count).decode()}


SHORT = {
    "session": "s1",
    "sr": 16000,
    "chunks": [chunk(0, 160)],
    "visemes": [{"t": 0, "v": "AA"}, {"t": 90, "v": "EH"}],
}
FULL = SHORT | {"turn": 3, "words": [{"t0": 0, "t1": 150, "text": "hello"}], "final": True}


def test_the_full_form_survives_the_way_through_json() -> None:
    """Everything that was said comes back."""
    speech = Speech.model_validate(FULL)
    assert Speech.model_validate_json(speech.model_dump_json()) == speech
    assert (speech.turn, speech.t0, speech.t1, speech.final) == (3, 0, 160, True)
    assert speech.chunks[0].pcm() == b"\1\2" * 2560


def test_the_short_form_is_speech_of_a_turn_of_its_own() -> None:
    """Without turn, words and final it is accepted."""
    speech = Speech.model_validate(SHORT)
    assert (speech.turn, speech.words, speech.final) == (None, [], False)
    assert Speech.model_validate({"session": "s1", "sr": 16000, "chunks": []}).t1 == 0


def test_there_are_fifteen_visemes() -> None:
    """The names are the contract's."""
    assert " ".join(VISEMES) == "SIL PP FF TH DD KK CH SS NN RR AA EH IH OH OU"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"session": "a b"}, "session"),
        ({"session": ""}, "session"),
        ({"turn": 0}, "turn"),
        ({"turn": -1}, "turn"),
        ({"sr": 4000}, "sr"),
        ({"sr": "fast"}, "sr"),
        ({"chunks": None}, "chunks"),
        ({"chunks": [chunk(0, 160) | {"pcm_b64": "not base64!"}]}, "base64"),
        ({"chunks": [chunk(0, 160) | {"pcm_b64": base64.b64encode(b"odd").decode()}]}, "16-bit"),
        ({"chunks": [chunk(0, 160, samples=2000)]}, "samples"),
        ({"chunks": [chunk(0, 340)]}, "longer"),
        ({"chunks": [chunk(160, 160, samples=0)]}, "after"),
        ({"chunks": [chunk(0, 160), chunk(100, 260)]}, "starts at 100"),
        ({"chunks": [chunk(0, 160), chunk(200, 360)]}, "starts at 200"),
        ({"visemes": [{"t": 90, "v": "AA"}, {"t": 80, "v": "EH"}]}, "visemes"),
        ({"visemes": [{"t": 0, "v": "XX"}]}, "visemes"),
        ({"words": [{"t0": 90, "t1": 95, "text": "a"}, {"t0": 80, "t1": 95, "text": "b"}]}, "words"),
        ({"words": [{"t0": 0, "t1": 9, "text": ""}]}, "words"),
    ],
)
def test_what_cannot_be_played_is_refused(change: dict[str, Any], named: str) -> None:
    """A malformed message is a validation error that names what is wrong."""
    with pytest.raises(ValidationError, match=named):
        Speech.model_validate(FULL | change)


def test_a_sample_more_or_less_is_allowed() -> None:
    """Rounding between rates is nobody's mistake."""
    for samples in (2559, 2560, 2561):
        assert Speech.model_validate(FULL | {"chunks": [chunk(0, 160, samples=samples)]})


def test_shifted_speech_is_the_same_sound_later() -> None:
    """Every time moves by the same; sound and order stay; only the caller says whether it is final."""
    speech = Speech.model_validate(FULL)
    later = speech.shifted(1000, final=False)
    assert (later.t0, later.t1, later.final) == (1000, 1160, False)
    assert [v.t for v in later.visemes] == [1000, 1090]
    assert (later.words[0].t0, later.words[0].t1) == (1000, 1150)
    assert later.chunks[0].pcm_b64 == speech.chunks[0].pcm_b64
    assert Speech.model_validate_json(later.model_dump_json()) == later
