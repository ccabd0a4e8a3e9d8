"""The guard against the avatar's own voice, by its waveform.

What the avatar says reaches asr as it goes to the viewers. If it comes back through a loudspeaker, the microphone holds
it again: later, softer, coloured by the room. So where the newest sound of the microphone is the reference of some
moments ago, it is an echo; where a person speaks over it, most of it is something else. The measure is the squared
normalised cross-correlation at the best delay: the part of the microphone's energy that a delayed copy explains.
"""

import numpy as np

from services.asr.engine import RATE, Sound
from services.asr.voice import loudness_db

WINDOW = RATE * 128 // 1000
"""Samples of the microphone that are judged."""

LONGEST_DELAY = RATE * 450 // 1000
"""From the gateway to a viewer's loudspeaker and back."""

KEPT = WINDOW + LONGEST_DELAY

AUDIBLE_DB = -55.0
"""A softer reference cannot be what the microphone hears."""

EXPLAINED = 0.35
"""Echoes alone are explained by 0.4 and more, in rooms too; other voices by less than 0.1, at whatever delay."""

EXPLAINED_AGAIN = 0.15
"""The same at a delay that an echo had before."""

SAME_DELAY = RATE * 3 // 1000


class EchoGuard:
    """One session's. Times are seconds of one monotonic clock, of arrival."""

    def __init__(self) -> None:
        self._reference = np.zeros(KEPT, np.float32)
        self._end = 0.0  # when its last sample came
        self._delay: int | None = None  # samples, of the last echo

    def hear_avatar(self, sound: Sound, at: float) -> None:
        """What goes to the viewers now."""
        self._reference = np.concatenate([self._until(at - len(sound) / RATE), sound])[-KEPT:]
        self._end = at

    def avatar_is_heard(self, at: float) -> bool:
        """Whether anything of it could come back now."""
        return loudness_db(self._until(at)) > AUDIBLE_DB

    def is_echo(self, microphone: Sound, at: float) -> bool:
        """Whether the last `WINDOW` samples of the microphone are mostly what the avatar said before."""
        reference = self._until(at)
        if len(microphone) < WINDOW or loudness_db(reference) < AUDIBLE_DB:
            return False
        explained = explained_by(microphone[-WINDOW:], reference)
        best = int(explained.argmax())
        if explained[best] >= EXPLAINED:
            self._delay = len(explained) - 1 - best
            return True
        if self._delay is None:
            return False
        known = len(explained) - 1 - self._delay
        near = explained[max(0, known - SAME_DELAY) : known + SAME_DELAY + 1]
        return bool(near.max(initial=0) >= EXPLAINED_AGAIN)

    def _until(self, at: float) -> Sound:
        """The reference up to this moment: silent since its last packet."""
        missing = min(KEPT, max(0, round((at - self._end) * RATE)))
        return np.concatenate([self._reference, np.zeros(missing, np.float32)])[-KEPT:] if missing else self._reference


def explained_by(sound: Sound, reference: Sound) -> Sound:
    """For each place in the reference where `sound` could start, the part of its energy that is the reference there,
    0 to 1. Both are whitened a little: else every low voice resembles every other."""
    sound, reference = _whitened(sound), _whitened(reference)
    size = 1 << (len(reference) + len(sound) - 1).bit_length()
    spectrum = np.conj(np.fft.rfft(sound, size)) * np.fft.rfft(reference, size)
    places = len(reference) - len(sound) + 1
    products = np.fft.irfft(spectrum, size)[:places]
    sums = np.concatenate([[0.0], np.cumsum(np.square(reference, dtype=np.float64))])
    energies = sums[len(sound) :] - sums[: -len(sound)]
    # Where the reference is next to silent the ratio would be noise.
    floor = 1e-3 * energies.max(initial=0.0) + 1e-9
    energy = float(np.square(sound, dtype=np.float64).sum()) + 1e-12
    return np.asarray(np.square(products) / (np.maximum(energies, floor) * energy), np.float32)


def _whitened(sound: Sound) -> Sound:
    return np.diff(sound, prepend=sound[:1]) + 0.1 * sound
