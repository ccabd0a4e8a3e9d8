"""One spoken line as other voices, microphones and rooms would give it. Times only ever scale with the speed."""

import random

import numpy as np
import soxr

from services.tts.engine import Pcm
from services.tts.visemes.spectrum import BANDS, SILENT, Frames, Spectrum

_RATES = (8000, 11025, 16000, 16000, 22050, 22050, 24000, 24000, 44100)


def heard(pcm: Pcm, rate: int, rng: random.Random) -> tuple[Frames, float]:
    """Frames of the sound at another speed and pitch, rate, loudness, tone, in noise or a room; and the speed."""
    noise = np.random.default_rng(rng.getrandbits(32))
    speed = rng.uniform(0.82, 1.22)
    sr = rng.choice(_RATES)
    sound = soxr.resample(pcm.astype(np.float32) / 32768, rate * speed, sr, quality="LQ")
    if rng.random() < 0.2:
        sound = _room(sound, sr, rng, noise)
    if rng.random() < 0.6:
        sound = _tone(sound, sr, noise)
    sound *= np.float32(10 ** (rng.uniform(-18, 4) / 20))
    if rng.random() < 0.5:
        loudness = float(np.sqrt(np.mean(sound**2)) + 1e-6)
        sound = sound + noise.normal(0, loudness * 10 ** (-rng.uniform(15, 50) / 20), len(sound)).astype(np.float32)
    samples = np.clip(np.round(sound * 32767), -32768, 32767).astype(np.int16)
    frames = Spectrum(sr).push(samples, final=True)
    return (_other_throat(frames, rng) if rng.random() < 0.5 else frames), speed


def other_voice(pcm: Pcm, rate: int, rng: random.Random) -> Pcm:
    """Another speaker of the same sounds at the same times: the pitch and the formants of a voice moved apart.

    The WORLD vocoder takes the sound apart and puts it together again (Morise et al. 2016).
    """
    import pyworld  # not for those who only move sound

    sound = pcm.astype(np.float64) / 32768
    pitch, times = pyworld.dio(sound, rate)
    envelope = pyworld.cheaptrick(sound, pitch, times, rate)
    noisiness = pyworld.d4c(sound, pitch, times, rate)
    higher = 2 ** rng.uniform(-0.5, 1.1)
    longer = higher**-0.25 * rng.uniform(0.93, 1.07)  # the throat: high voices have short ones
    bins = np.arange(envelope.shape[1])
    from_bins = np.minimum(bins * longer, bins[-1])
    moved = np.array([np.interp(from_bins, bins, row) for row in envelope])
    changed = pyworld.synthesize(pitch * higher, moved, noisiness, rate)[: len(pcm)]
    whole = np.zeros(len(pcm))
    whole[: len(changed)] = changed
    return np.clip(np.round(whole * 32767), -32768, 32767).astype(np.int16)


def _room(sound: Pcm, sr: int, rng: random.Random, noise: np.random.Generator) -> Pcm:
    """An echo that decays by 60 dB in 0.1 to 0.4 s, quieter than what is heard directly."""
    decay = rng.uniform(0.1, 0.4)
    times = np.arange(round(decay * sr)) / sr
    echo = noise.normal(0, 1, len(times)) * 10 ** (-3 * times / decay)
    echo *= 10 ** (-rng.uniform(3, 15) / 20) / np.sqrt(np.sum(echo**2))
    echo[0] = 1
    size = 1 << (len(sound) + len(echo)).bit_length()
    mixed = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(echo, size), size)[: len(sound)]
    return mixed.astype(np.float32)


def _tone(sound: Pcm, sr: int, noise: np.random.Generator) -> Pcm:
    """A smooth random equaliser of a few dB."""
    spectrum = np.fft.rfft(sound)
    hz = np.arange(len(spectrum)) * sr / (2 * max(len(spectrum) - 1, 1))
    knots = np.array([50, 200, 500, 1000, 2000, 4000, 8000, 24000])
    gain = np.interp(np.log(hz + 20), np.log(knots), noise.normal(0, 4, len(knots)))
    return np.fft.irfft(spectrum * 10 ** (gain / 20), len(sound)).astype(np.float32)


def _other_throat(frames: Frames, rng: random.Random) -> Frames:
    """Formants moved by up to a tenth, the pitch kept: the bands stretched."""
    bands = np.arange(BANDS) * rng.uniform(0.92, 1.08) + rng.uniform(-0.5, 0.5)
    below = np.clip(np.floor(bands).astype(int), 0, BANDS - 1)
    above = np.clip(below + 1, 0, BANDS - 1)
    share = np.clip(bands - below, 0, 1).astype(np.float32)
    moved = frames[:, below] * (1 - share) + frames[:, above] * share
    return np.where(bands < BANDS, moved, SILENT).astype(np.float32)
