"""Recordings that a voice is cloned from: read, and refused with a sentence where they would make a bad voice.

Pure, except that libsndfile reads. The limits are such that a person hears at once what is wrong; a plain headset in a
quiet room passes.
"""

import io
from dataclasses import dataclass

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from services.common.errors import Problem
from services.tts.sound import Sound

RATE = 22050
SHORTEST_S, LONGEST_S = 6.0, 30.0
_RATES = range(8000, 192_001)
_FRAME = 441  # samples, 20 ms
_SILENT_PEAK = 0.01
_LEAST_SPEECH_S = 3.0
_CLIPPED_SHARE = 0.001
_LEAST_SNR_DB = 15.0
_PITCH_HZ = (65, 400)
_VOICED = 0.5  # of the autocorrelation at the pitch
_LEAST_VOICED = 25  # frames: half a second of a second voice
_APART_SEMITONES = 7.0
_LEAST_SHARE = 0.15  # of the voiced frames, that a second speaker has to have


@dataclass(frozen=True, slots=True)
class Recording:
    """`sound` is mono at 22 050 Hz, in [-1, 1]."""

    sound: Sound

    @property
    def seconds(self) -> float:
        return len(self.sound) / RATE

    def flac(self) -> bytes:
        """A FLAC file of it, 16 bit."""
        file = io.BytesIO()
        soundfile.write(file, self.sound, RATE, format="FLAC", subtype="PCM_16")
        return file.getvalue()


def read(data: bytes) -> Recording:
    """The recording in a WAV, FLAC, MP3 or Ogg file. Raises `Problem` 422 where it cannot be read, or is too long."""
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            if file.samplerate not in _RATES:
                raise _refused(f"its rate is {file.samplerate} Hz; send it at {_RATES[0]} to {_RATES[-1]}")
            # No further than a little beyond the limit: a small file can hold hours.
            channels = file.read(round(file.samplerate * (LONGEST_S + 1)), dtype="float32", always_2d=True)
            rate = file.samplerate
    except (soundfile.SoundFileError, RuntimeError, ValueError) as error:
        raise _refused("it cannot be read; send WAV, FLAC, MP3 or Ogg Opus") from error
    sound = channels.mean(axis=1)
    if not np.isfinite(sound).all():
        raise _refused("it holds samples that are no numbers; export it anew")
    if len(sound) > LONGEST_S * rate:
        raise _refused(f"it is longer than {LONGEST_S:.0f} s; cut it to the best {SHORTEST_S:.0f} to {LONGEST_S:.0f} s")
    return Recording(np.asarray(soxr.resample(sound, rate, RATE), np.float32) if rate != RATE else sound)


def check(recording: Recording) -> None:
    """Raises `Problem` 422 that says what is wrong with the recording, the worst first."""
    sound = recording.sound
    if recording.seconds < SHORTEST_S:
        raise _refused(f"it lasts {recording.seconds:.1f} s; at least {SHORTEST_S:.0f} s of speech are needed")
    peak = float(np.abs(sound).max())
    if peak < _SILENT_PEAK:
        raise _refused("it is silent; check which microphone was recorded")
    if clipped(sound) > _CLIPPED_SHARE:
        raise _refused("it is clipped; record again with the level lower")
    levels = frame_levels(sound)
    spoken = levels > 20 * np.log10(peak) - 35
    if spoken.sum() * _FRAME / RATE < _LEAST_SPEECH_S:
        raise _refused(f"less than {_LEAST_SPEECH_S:.0f} s of it are speech; leave the pauses out")
    if (ratio := snr_db(levels)) < _LEAST_SNR_DB:
        raise _refused(f"it is noisy (speech is {ratio:.0f} dB above the noise); record in a quiet room")
    if speakers_apart(sound) is not None:
        raise _refused("more than one person seems to speak in it; a voice is cloned from one")


def clipped(sound: Sound) -> float:
    """The share of samples that stand at the ceiling, three or more in a row."""
    ceiling = max(float(np.abs(sound).max()), 0.5) * 0.995
    at = np.abs(sound) >= ceiling
    run = at[:-2] & at[1:-1] & at[2:]
    return float(run.mean())


def frame_levels(sound: Sound) -> NDArray[np.float32]:
    """dBFS of each 20 ms."""
    frames = sound[: len(sound) // _FRAME * _FRAME].reshape(-1, _FRAME)
    return np.asarray(10 * np.log10((frames**2).mean(axis=1) + 1e-10), np.float32)


def snr_db(levels: NDArray[np.float32]) -> float:
    """How far speech stands out: loud frames over the quietest twentieth."""
    return float(np.percentile(levels, 85) - np.percentile(levels, 5))


def speakers_apart(sound: Sound) -> float | None:
    """Semitones between two groups of pitches, where they are two speakers' rather than one's; else None.

    One person's pitch is one heap with a wide foot; two people's are two heaps with little between them. Two people
    with the same pitch are not told apart.
    """
    pitches = 12 * np.log2(pitch(sound))
    if len(pitches) < 2 * _LEAST_VOICED:
        return None
    low, high = np.percentile(pitches, [10, 90])
    for _ in range(20):
        near_low = np.abs(pitches - low) < np.abs(pitches - high)
        if near_low.all() or not near_low.any():
            return None
        low, high = np.median(pitches[near_low]), np.median(pitches[~near_low])
    share = min(near_low.mean(), 1 - near_low.mean())
    middle, quarter = (low + high) / 2, (high - low) / 4
    between = (np.abs(pitches - middle) < quarter / 2).sum() / len(pitches)
    apart = high - low
    return float(apart) if apart > _APART_SEMITONES and share > _LEAST_SHARE and between < share / 3 else None


def pitch(sound: Sound) -> NDArray[np.float64]:
    """Hz in each voiced 20 ms, by autocorrelation of 40 ms."""
    size = 2 * _FRAME
    starts = range(0, len(sound) - size, _FRAME)
    frames = np.stack([sound[i : i + size] for i in starts]) * np.hanning(size).astype(np.float32)
    loud = (frames**2).mean(axis=1) > 0.01 * (frames**2).mean(axis=1).max()
    frames = frames[loud]
    spectrum = np.abs(np.fft.rfft(frames, 2048)) ** 2
    correlation = np.fft.irfft(spectrum)[:, :size]
    window = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(size), 2048)) ** 2)[:size]
    correlation = correlation / correlation[:, :1] / (window / window[0] + 1e-3)
    shortest, longest = RATE // _PITCH_HZ[1], RATE // _PITCH_HZ[0]
    lags = correlation[:, shortest:longest]
    best = lags.max(axis=1)
    # The first peak that is nearly the highest: a period, and not two of them.
    first = (lags > 0.9 * best[:, None]).argmax(axis=1)
    rising = np.array([_climb(row, at) for row, at in zip(lags, first, strict=True)], int)
    return np.asarray(RATE / (rising + shortest)[best > _VOICED], np.float64)


def _climb(row: NDArray[np.float64], at: int) -> int:
    while at + 1 < len(row) and row[at + 1] > row[at]:
        at += 1
    return at


def _refused(why: str) -> Problem:
    return Problem(422, f"audio: {why}.", field="audio")
