"""A turn's sound as the model hears it, and the watch over chained windows."""

import cv2
import numpy as np
import pytest

from services.renderer.echomimic.drift import DriftGuard
from services.renderer.echomimic.sound import TurnSound, sample_at
from services.renderer.engine import Frame
from tests.renderer.speaking import tone


@pytest.mark.parametrize("rate", [16_000, 22_050, 48_000])
def test_speech_is_heard_at_16_khz_in_pictures(rate: int) -> None:
    """Whatever its rate, a second of speech is fifteen pictures, once it has ended."""
    sound = TurnSound(1, rate)
    for part in np.array_split(tone(1000, rate), 7):
        sound.append(part)
    sound.end()
    assert sound.pictures == pytest.approx(15, abs=0.01)
    assert np.abs(sound.cut(10, 1)).max() == pytest.approx(0.5, abs=0.01)


def test_a_cut_has_silence_where_there_is_no_sound() -> None:
    """Before the turn and after its end; the length is always what was asked for."""
    sound = TurnSound(1, 16_000)
    sound.append(tone(400))
    cut = sound.cut(8, 12)  # pictures -4 to 8, of which 0 to 6 sound
    assert len(cut) == sample_at(12)
    assert not cut[: sample_at(4)].any()
    assert cut[sample_at(4) : sample_at(10)].any()
    assert not cut[-sample_at(2) :].any()


def test_what_is_forgotten_changes_nothing_of_what_is_kept() -> None:
    """Places stay where they were."""
    whole, short = TurnSound(1, 16_000), TurnSound(1, 16_000)
    for sound in (whole, short):
        sound.append(tone(2000))
    short.forget(20)
    assert short.pictures == whole.pictures
    assert np.array_equal(short.cut(30, 8), whole.cut(30, 8))


def test_a_pause_is_found_where_it_is() -> None:
    """A quarter of a second of near silence before a picture; the start of a turn is none."""
    sound = TurnSound(1, 16_000)
    speech = tone(2000)
    speech[round(0.8 * 16_000) : round(1.2 * 16_000)] //= 200
    sound.append(speech)
    assert [picture for picture in range(30) if sound.quiet(picture)] == [16, 17, 18]


def scene(blur: float = 0, shift: int = 0) -> Frame:
    picture = np.random.default_rng(1).integers(60, 190, (64, 64, 3), dtype=np.uint8)
    picture = np.asarray(cv2.resize(picture, (256, 256), interpolation=cv2.INTER_CUBIC), np.uint8)
    if blur:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), blur), np.uint8)
    picture[..., 2] = np.clip(picture[..., 2].astype(int) + shift, 0, 255)
    return picture


def test_a_chain_that_goes_soft_has_drifted() -> None:
    """Compared with its own first window, not with other chains'."""
    guard = DriftGuard()
    assert not guard.drifted(scene(blur=1))
    assert not guard.drifted(scene(blur=1))
    assert guard.drifted(scene(blur=3))
    guard.restart()
    assert not guard.drifted(scene(blur=3))


def test_a_chain_whose_colours_move_has_drifted() -> None:
    """Place by place, also where sharpness stays."""
    guard = DriftGuard()
    guard.drifted(scene())
    assert not guard.drifted(scene(shift=4))
    assert guard.drifted(scene(shift=40))
