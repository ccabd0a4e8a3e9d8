"""How far the mouth is from the sound, judged by what is seen and heard."""

import numpy as np
from numpy.typing import NDArray

from tests.viewer import Sample, Track

STEP_S = 0.005
"""Lags are tried this far apart, ..."""

FARTHEST_S = 0.3
"""... and up to this one, both ways."""


def skew_ms(sound: Track, picture: Track, since: float, until: float) -> float | None:
    """The lag at which the mouth's opening correlates best with loudness over one answer, ms; positive: mouth late.

    Both are placed on the sender's clock by their tracks' RTP times and sender reports, so buffers of this viewer do
    not count. A mouth opens a little before a vowel sounds, as a person's does: some tens of ms early are content, not
    error. None where there is too little speech to tell.
    """
    heard = [s for s in sound.samples if since <= s.at <= until]
    seen = [s for s in picture.samples if since <= s.at <= until]
    if len(heard) < 75 or len(seen) < 22:
        return None
    a_at, a = _series(sound, heard)
    v_at, v = _series(picture, seen)
    grid = np.arange(max(a_at[0], v_at[0]) + FARTHEST_S, min(a_at[-1], v_at[-1]) - FARTHEST_S, STEP_S)
    if len(grid) * STEP_S < 1:
        return None
    width = np.hanning(round(0.12 / STEP_S))
    loud = np.convolve(np.interp(grid, a_at + 0.01, np.sqrt(a)), width / width.sum(), "same")  # a frame's middle
    lags = np.arange(-FARTHEST_S, FARTHEST_S + STEP_S, STEP_S)
    scores = [np.corrcoef(loud, np.interp(grid + lag, v_at, v))[0, 1] for lag in lags]
    return float(lags[int(np.nanargmax(scores))] * 1000) if np.isfinite(scores).any() else None


def _series(track: Track, samples: list[Sample]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.array([track.sent_at(s) for s in samples]), np.array([s.value for s in samples])
