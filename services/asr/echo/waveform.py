"""The guard against the avatar's own voice, by its waveform.

What the avatar says reaches asr as it goes to the viewers. If it comes back through a loudspeaker, the microphone holds
it again: later, softer, coloured by the room. So where the newest sound of the microphone is the reference of some
moments ago, it is an echo; where a person speaks over it, most of it is something else. The measure is the squared
normalised cross-correlation at the best delay: the part of the microphone's energy that a delayed copy explains.
"""

from collections import deque

import numpy as np

from services.asr.audio.vad import loudness_db
from services.asr.transcription.engine import RATE, Sound

WINDOW = RATE * 128 // 1000
"""Samples of the microphone that are judged."""

LONGEST_DELAY = RATE * 450 // 1000
"""From the gateway to a viewer's loudspeaker and back."""

KEPT = WINDOW + LONGEST_DELAY + RATE * 160 // 1000

AUDIBLE_DB = -55.0
"""A softer reference cannot be what the microphone hears."""

EXPLAINED = 0.35
"""Echoes alone are explained by 0.4 and more, in rooms too; other voices by less than 0.1, at whatever delay."""

EXPLAINED_AGAIN = 0.15
"""The same at a delay that an echo had before."""

SAME_DELAY = RATE * 3 // 1000

TIMES = 3
"""So many echoes of the last eight must have come by one delay before it is relied on: a person whose voice is the
avatar's resembles it for a moment now and then, somewhere."""

STALE = 60
"""Frames without an echo after which the delay is forgotten: two seconds of voice."""

LOUDER = 1.6
"""What is by more than this factor of power louder than the echo can be has something else in it."""

TAIL = RATE * 200 // 1000
"""How long a room goes on sounding."""

FORGET = 0.05
"""How fast a room that became softer is believed, per frame of echo."""

JITTER = RATE * 80 // 1000
"""Packets of both tracks come as they like; by more than this only after one of them stood still."""


class EchoGuard:
    """One session's. Both tracks are counted in samples, so that what arrives unevenly keeps its place."""

    def __init__(self) -> None:
        self._reference = np.zeros(KEPT, np.float32)
        self._end = 0  # samples of the reference so far
        self._behind = 0  # by so many the microphone's count is ahead of it
        self._delays: deque[int] = deque(maxlen=8)  # samples, of the last echoes
        self._delay: int | None = None  # the one that is relied on,
        self._coupling = 0.0  # and its echoes' power against the reference's
        self._stale = 0

    def hear_avatar(self, sound: Sound, microphone_end: int) -> None:
        """What goes to the viewers now, when so many samples of the microphone have come."""
        self._reference = np.concatenate([self._reference, sound])[-KEPT:]
        self._end += len(sound)
        if abs(microphone_end - self._end - self._behind) > JITTER:
            self._behind = microphone_end - self._end

    def is_echo(self, microphone: Sound, end: int) -> bool:
        """Whether the last `WINDOW` samples of the microphone, up to the `end`th, are mostly what the avatar said
        before: a copy of it, or, once one was heard, no louder than its reflections would be."""
        reference = self._until(end - self._behind + JITTER)
        if min(len(microphone), len(reference)) < WINDOW or loudness_db(reference) < AUDIBLE_DB:
            return False
        sound = microphone[-WINDOW:]
        explained = explained_by(sound, reference)
        best = int(explained.argmax())
        power = _power(sound)
        if explained[best] >= EXPLAINED:
            self._learn(len(explained) - 1 - best, power / (_power(reference[best : best + WINDOW]) + 1e-12))
            return True
        self._age()
        if self._delay is None:
            return False
        known = len(explained) - 1 - self._delay
        near = explained[max(0, known - SAME_DELAY) : known + SAME_DELAY + 1]
        if near.max(initial=0) >= EXPLAINED_AGAIN:
            return True
        return power <= LOUDER * self._coupling * _loudest(reference[max(0, known - TAIL) : known + WINDOW])

    def _learn(self, delay: int, coupling: float) -> None:
        self._delays.append(delay)
        if sum(abs(delay - other) <= SAME_DELAY for other in self._delays) < TIMES:
            return
        self._delay, self._stale = delay, 0
        self._coupling = max(coupling, self._coupling + FORGET * (coupling - self._coupling))

    def _age(self) -> None:
        """A frame without an echo."""
        self._stale += 1
        if self._delay is not None and self._stale > STALE:
            self._delay, self._coupling = None, 0.0
            self._delays.clear()

    def _until(self, end: int) -> Sound:
        """The reference up to this sample: silence where it has not come."""
        if end > self._end:
            missing = min(KEPT, end - self._end)
            return np.concatenate([self._reference, np.zeros(missing, np.float32)])[-KEPT:]
        return self._reference[: max(0, KEPT - (self._end - end))]


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


def _loudest(reference: Sound) -> float:
    """The power of its loudest piece as long as `WINDOW`, in steps of a quarter."""
    return max(
        (_power(reference[at : at + WINDOW]) for at in range(0, len(reference) - WINDOW + 1, WINDOW // 4)),
        default=0.0,
    )


def _power(sound: Sound) -> float:
    return float(np.mean(np.square(sound)))


def _whitened(sound: Sound) -> Sound:
    return np.diff(sound, prepend=sound[:1]) + 0.1 * sound
