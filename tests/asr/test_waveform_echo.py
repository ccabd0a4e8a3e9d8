"""The guard against the avatar's own voice: which delay it relies on, and for how long."""

import numpy as np

from services.asr.audio.sound import RATE, Sound
from services.asr.audio.vad import FRAME
from services.asr.echo.waveform import STALE, TIMES, WINDOW, WaveformEchoGuard

DELAY = RATE * 100 // 1000
SOFTER = 0.3


def voice(seconds: float, seed: int) -> Sound:
    """Something that resembles nothing else."""
    return np.asarray(0.1 * np.random.default_rng(seed).normal(size=int(RATE * seconds)), np.float32)


class Room:
    """The avatar speaks all the time; each frame of the microphone is an echo of it or somebody else's sound."""

    def __init__(self) -> None:
        self.guard = WaveformEchoGuard()
        self._avatar, self._other = voice(12, 1), voice(12, 2)
        self._now = 0
        self.pass_by(1.0)

    def pass_by(self, seconds: float) -> None:
        for _ in range(int(seconds * RATE / FRAME)):
            self._step()

    def echo(self, delay: int = DELAY) -> bool:
        end = self._step() - delay
        return self.guard.is_echo(SOFTER * self._avatar[end - WINDOW : end], self._now)

    def other(self, gain: float = SOFTER) -> bool:
        end = self._step()
        return self.guard.is_echo(gain * self._other[end - WINDOW : end], self._now)

    def _step(self) -> int:
        sound = self._avatar[self._now : self._now + FRAME]
        self._now += FRAME
        self.guard.hear_avatar(sound, self._now)
        return self._now


def test_an_echo_is_known_from_its_first_frame_on() -> None:
    assert all(Room().echo() for _ in range(3))


def test_a_resemblance_for_a_moment_deafens_nobody() -> None:
    """A person whose voice is the avatar's, and softer: taken for it once or twice, at whatever delay, and heard."""
    room = Room()
    for delay in (DELAY, 3 * DELAY, 2 * DELAY, DELAY):
        assert room.echo(delay)
        assert not room.other()


def test_what_is_no_louder_than_a_known_echo_is_one() -> None:
    """Its reflections, which do not look like it; what is louder than they can be is somebody."""
    room = Room()
    assert [room.echo() for _ in range(TIMES)] == [True] * TIMES
    assert room.other(SOFTER / 2)
    assert not room.other(1.0)


def test_a_delay_without_echoes_is_forgotten() -> None:
    """Headphones were put on, or it never was one."""
    room = Room()
    for _ in range(TIMES):
        room.echo()
    judged = [room.other() for _ in range(STALE + 2)]
    assert judged[0]
    assert not judged[-1]
