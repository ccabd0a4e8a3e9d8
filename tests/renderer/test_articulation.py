"""Visemes and loudness become a mouth that people can read."""

import numpy as np
import pytest

from services.common.speech import VISEMES, Viseme
from services.renderer.portrait.acting.articulation import ENVELOPE_MS, SHAPES, Articulator, envelope
from services.renderer.portrait.acting.pose import MOUTH
from tests.renderer.faces import SAMPLE_RATE, hum, timeline

VOWELS: tuple[Viseme, ...] = ("AA", "EH", "IH", "OH", "OU")


def said(*visemes: tuple[int, Viseme], ms: int = 1200) -> Articulator:
    articulator = Articulator()
    articulator.hear(1, 0, hum(ms), SAMPLE_RATE, timeline(*visemes))
    return articulator


def param(articulator: Articulator, t: float, name: str) -> float:
    return float(articulator.at(1, t).mouth[MOUTH.index(name)])


def test_every_viseme_has_a_shape() -> None:
    """All fifteen classes are known, and no two look the same."""
    assert set(SHAPES) == set(VISEMES)
    assert len({tuple(sorted(shape.items())) for shape in SHAPES.values()}) == len(VISEMES)


@pytest.mark.parametrize("viseme", [v for v in VISEMES if v not in ("SIL", "PP")])
def test_a_held_viseme_reaches_its_shape(viseme: Viseme) -> None:
    """A sound that lasts is fully articulated."""
    articulator = said((0, "SIL"), (200, viseme), (700, "SIL"))
    for name, target in SHAPES[viseme].items():
        assert param(articulator, 450, name) == pytest.approx(target, rel=0.25, abs=0.06), name


@pytest.mark.parametrize("before", VOWELS)
@pytest.mark.parametrize("after", VOWELS)
def test_lips_are_shut_when_p_sounds(before: Viseme, after: Viseme) -> None:
    """Whatever surrounds a P, the lips are already closing before it and shut at its onset."""
    articulator = said((0, "SIL"), (100, before), (300, "PP"), (370, after), (600, "SIL"))
    assert param(articulator, 300, "seal") > 0.99
    assert 0.05 < param(articulator, 240, "seal") < 0.95
    assert param(articulator, 300 - 100, "seal") == 0
    assert param(articulator, 480, "seal") == 0


@pytest.mark.parametrize("length", [20, 50, 90])
def test_no_closure_is_skipped_at_15_fps(length: int) -> None:
    """However short a P is and wherever the frames fall, one of them shows it shut."""
    articulator = said((0, "SIL"), (100, "AA"), (400, "PP"), (400 + length, "AA"), (800, "SIL"))
    for offset in range(0, 67, 3):
        seals = [param(articulator, offset + i * 1000 / 15, "seal") for i in range(15)]
        assert max(seals) > 0.99, offset


def test_rounding_is_anticipated() -> None:
    """The lips round for an OU before it is heard."""
    articulator = said((0, "SIL"), (100, "IH"), (300, "SS"), (380, "OU"), (600, "SIL"))
    assert param(articulator, 340, "pucker") > 0.15
    assert param(articulator, 150, "pucker") < 0.05


def test_louder_is_wider() -> None:
    """The same vowel opens the mouth further where it is louder."""
    articulator = Articulator()
    sound = np.concatenate([hum(500, 0.05), hum(500, 0.6)])
    articulator.hear(1, 0, sound, SAMPLE_RATE, timeline((0, "AA")))
    assert param(articulator, 750, "jaw") > 1.15 * param(articulator, 250, "jaw")


def test_emphasis_is_where_the_voice_is_raised() -> None:
    """A loud syllable among quiet ones is emphasis; the quiet ones are not."""
    articulator = Articulator()
    sound = np.concatenate([hum(700, 0.08), hum(180, 0.7), hum(700, 0.08)])
    articulator.hear(1, 0, sound, SAMPLE_RATE, timeline((0, "AA")))
    assert articulator.at(1, 790).emphasis > 0.4
    assert articulator.at(1, 300).emphasis < 0.05
    assert articulator.at(1, 1300).emphasis < 0.05


def test_the_end_of_a_phrase_is_known() -> None:
    """A pause of more than 120 ms ends a phrase; a shorter one does not."""
    articulator = said((0, "SIL"), (100, "AA"), (300, "SIL"), (350, "AA"), (500, "SIL"), (800, "AA"))
    assert articulator.at(1, 480).phrase_end_ms is None
    assert articulator.at(1, 600).phrase_end_ms == 500


def test_speech_in_pieces_is_the_same_speech() -> None:
    """Chunks that follow each other give the same mouth as the whole at once."""
    visemes = timeline((0, "SIL"), (80, "AA"), (240, "PP"), (320, "OU"), (480, "EH"), (640, "SIL"))
    sound = hum(800)
    whole, pieces = Articulator(), Articulator()
    whole.hear(1, 0, sound, SAMPLE_RATE, visemes)
    for start in range(0, 800, 160):
        part = sound[start * SAMPLE_RATE // 1000 : (start + 160) * SAMPLE_RATE // 1000]
        pieces.hear(1, start, part, SAMPLE_RATE, [v for v in visemes if start <= v.t < start + 160])
    for t in range(0, 900, 15):
        np.testing.assert_allclose(pieces.at(1, t).mouth, whole.at(1, t).mouth, atol=1e-6)


def test_silence_is_closed() -> None:
    """A turn that is not known, that was forgotten or that is long over has a closed mouth."""
    articulator = said((0, "AA"), (400, "SIL"), ms=500)
    assert not articulator.at(2, 100).mouth.any()
    assert np.abs(articulator.at(1, 1500).mouth).max() < 0.01
    articulator.forget(1)
    assert not articulator.at(1, 100).mouth.any()


@pytest.mark.parametrize("sr", [8000, 16_000, 22_050, 48_000])
def test_envelope_has_a_value_for_each_20_ms(sr: int) -> None:
    """Loudness is one number in 0..1 for each 20 ms, the last one begun included."""
    loud = envelope((np.ones(sr // 2 + 1) * 16_384).astype(np.int16), sr)
    assert len(loud) == 500 // ENVELOPE_MS + 1
    assert loud[0] == pytest.approx(0.5**0.6, abs=0.01)
