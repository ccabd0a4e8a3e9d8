"""The guard against the avatar's own voice, by its waveform.

What the avatar says reaches asr as it goes to the viewers: the reference. If it comes back through a loudspeaker, the
microphone holds it again: later, softer, coloured by the room. So where the newest sound of the microphone resembles
the reference of some moments ago, it is an echo; where a person speaks over the echo, most of the sound is something
else.
The measure is the squared normalised cross-correlation at the best delay: the part of the microphone's energy that a
delayed copy explains. (Cross-correlation as a doubletalk detector: Benesty, Morgan, Cho, IEEE Trans. Speech and Audio
Processing 8(2), 2000.)
"""

from collections import deque

import numpy as np

from services.asr.audio.sound import RATE, Sound, loudness_db

WINDOW = RATE * 128 // 1000
"""Samples of the microphone that are judged at once."""

LONGEST_DELAY = RATE * 450 // 1000
"""Samples, from the gateway to a viewer's loudspeaker and back."""

KEPT = WINDOW + LONGEST_DELAY + RATE * 160 // 1000

AUDIBLE_DB = -55.0
"""Full scale 0. A softer reference cannot be what the microphone hears."""

EXPLAINED = 0.35
"""Part of the energy from which on sound is an echo. The reference explains 0.4 and more of an echo alone, in rooms
too, and less than 0.1 of other voices, at whatever delay."""

EXPLAINED_AGAIN = 0.15
"""The same at a delay that is known."""

SAME_DELAY = RATE * 3 // 1000
"""Samples by which two delays may differ and still count as one."""

TIMES = 3
"""So many echoes of the last eight must have had one delay before it counts as known: a person whose voice is the
avatar's resembles it for a moment now and then, somewhere."""

STALE = 60
"""Frames without an echo after which the known delay is forgotten: two seconds of voice."""

LOUDER = 1.6
"""Factor of power. Sound that is louder by more than this than the echo can be holds something else too."""

TAIL = RATE * 200 // 1000
"""Samples for which a room goes on sounding."""

FORGET = 0.05
"""How fast a room that became softer is believed, per frame of echo."""

JITTER = RATE * 80 // 1000
"""Samples by which one track may arrive later than the other, now and then. More than that is a track that stood
still."""


class WaveformEchoGuard:
    """One session's. Both tracks are counted in samples, so that what arrives unevenly keeps its place."""

    def __init__(self) -> None:
        self._reference = np.zeros(KEPT, np.float32)
        self._end = 0  # samples of the reference so far
        self._behind = 0  # samples by which the microphone's count is ahead of the reference's
        self._delays: deque[int] = deque(maxlen=8)  # samples, of the last echoes
        self._delay: int | None = None  # samples; the known delay
        self._coupling = 0.0  # power of the echoes with the known delay, as a part of the reference's
        self._stale = 0  # frames since the last echo with the known delay

    def hear_avatar(self, sound: Sound, microphone_end: int) -> None:
        """The next sound that goes to the viewers. `microphone_end`: samples of the microphone that came so far."""
        self._reference = np.concatenate([self._reference, sound])[-KEPT:]
        self._end += len(sound)
        if abs(microphone_end - self._end - self._behind) > JITTER:
            self._behind = microphone_end - self._end

    def is_echo(self, microphone: Sound, end: int) -> bool:
        """Whether the newest `WINDOW` samples of the microphone are mostly what the avatar said before.

        They are where they resemble a moment of the reference, or, with a delay known, where they are no louder than
        the reflections of the reference would be. `microphone` ends with the `end`th sample of the track.
        """
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
        """The last `KEPT` samples of the reference before its `end`th; silence where it has not come yet."""
        if end > self._end:
            missing = min(KEPT, end - self._end)
            return np.concatenate([self._reference, np.zeros(missing, np.float32)])[-KEPT:]
        return self._reference[: max(0, KEPT - (self._end - end))]


def explained_by(sound: Sound, reference: Sound) -> Sound:
    """The part of a sound's energy, 0 to 1, that each place in the reference explains.

    The squared normalised cross-correlation, by FFT; shape (len(reference) - len(sound) + 1,), one for each place where
    `sound` could start. Both are whitened a little, because otherwise every low voice resembles every other.
    """
    sound, reference = _whitened(sound), _whitened(reference)
    size = 1 << (len(reference) + len(sound) - 1).bit_length()
    spectrum = np.conj(np.fft.rfft(sound, size)) * np.fft.rfft(reference, size)
    places = len(reference) - len(sound) + 1
    products = np.fft.irfft(spectrum, size)[:places]
    sums = np.concatenate([[0.0], np.cumsum(np.square(reference, dtype=np.float64))])
    energies = sums[len(sound) :] - sums[: -len(sound)]
    # Where the reference is nearly silent the ratio would be noise.
    floor = 1e-3 * energies.max(initial=0.0) + 1e-9
    energy = float(np.square(sound, dtype=np.float64).sum()) + 1e-12
    return np.asarray(np.square(products) / (np.maximum(energies, floor) * energy), np.float32)


def _loudest(reference: Sound) -> float:
    """The power of the loudest piece of `WINDOW` samples; pieces begin a quarter of that apart."""
    return max(
        (_power(reference[at : at + WINDOW]) for at in range(0, len(reference) - WINDOW + 1, WINDOW // 4)),
        default=0.0,
    )


def _power(sound: Sound) -> float:
    return float(np.mean(np.square(sound)))


def _whitened(sound: Sound) -> Sound:
    return np.diff(sound, prepend=sound[:1]) + 0.1 * sound
