"""Idle life: breath, blinks, gaze, sway. A pure function of time and of the session's seed, and it never repeats.

Slow motion is smooth noise over an endless lattice of hashed values; blinks and glances are drawn per slot of time from
a generator seeded with (seed, slot), so that any instant can be asked for in any order and nothing has to be kept.
"""

import math
import random
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

BLINK_CLOSING_S, BLINK_CLOSED_S, BLINK_OPENING_S = 0.075, 0.045, 0.170
BLINK_S = BLINK_CLOSING_S + BLINK_CLOSED_S + BLINK_OPENING_S
_BLINK_SLOT_S = 3.6
_GAZE_SLOT_S = 2.9
_SACCADE_S = 0.07


@dataclass(frozen=True, slots=True)
class Idle:
    """How the face lives at one instant; units as in `Pose`."""

    yaw: float
    pitch: float
    roll: float
    dx: float
    dy: float
    breath: float
    blink: float
    blink_lag: float  # the other lid's closure: it trails by a few ms
    gaze_x: float
    gaze_y: float
    brow: float
    brow_tilt: float
    smile: float
    squint: float


class IdleMotion:
    """The idle life of one session."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def at(self, t: float, talking: float = 0.0) -> Idle:
        """The face `t` seconds into the session; `talking` 0..1 makes the head livelier and the gaze steadier."""
        drift, lively = self._drift, 1 + 0.9 * talking
        breath = self._breath(t)
        gaze_x, gaze_y = self._gaze(t, talking)
        return Idle(
            yaw=2.1 * drift(0, t, 0.11) * lively + 0.7 * drift(1, t, 0.37) * lively + 1.4 * gaze_x,
            pitch=1.1 * drift(2, t, 0.13) * lively + 0.4 * drift(3, t, 0.41) * lively - 0.45 * breath + 0.8 * gaze_y,
            roll=1.3 * drift(4, t, 0.09) * lively + 0.35 * drift(5, t, 0.31),
            dx=2.0 * drift(6, t, 0.07) + 0.5 * drift(7, t, 0.29),
            dy=0.8 * drift(8, t, 0.08) - 0.5 * breath,
            breath=breath,
            blink=self._blink(t),
            blink_lag=self._blink(t - 0.008),
            gaze_x=gaze_x + 0.02 * drift(9, t, 0.9),
            gaze_y=gaze_y + 0.02 * drift(10, t, 0.8),
            brow=0.10 + 0.10 * drift(11, t, 0.17),
            brow_tilt=0.10 * drift(12, t, 0.12),
            smile=0.06 * drift(13, t, 0.10),
            squint=0.05 + 0.05 * drift(14, t, 0.15),
        )

    def _drift(self, channel: int, t: float, frequency: float) -> float:
        """Smooth noise in about -1..1 with continuous velocity, its features 1/frequency seconds long."""
        x = t * frequency + 1000.0
        i = math.floor(x)
        f = x - i
        s = f * f * f * (f * (f * 6 - 15) + 10)
        return _lattice(self.seed, channel, i) * (1 - s) + _lattice(self.seed, channel, i + 1) * s

    def _breath(self, t: float) -> float:
        """0 (out) .. 1 (in): about 14 breaths a minute, each a little different; out takes longer than in."""
        phase = 2 * math.pi * (t / 4.3 + 0.35 * self._drift(20, t, 0.11))
        wave = math.sin(phase + 0.35 * math.sin(phase))
        return 0.5 + (0.42 + 0.08 * self._drift(21, t, 0.2)) * wave

    def _blink(self, t: float) -> float:
        """Closure of the lids: one blink in most slots, now and then two in a row."""
        slot = math.floor(t / _BLINK_SLOT_S)
        starts = _blinks(self.seed, slot - 1) + _blinks(self.seed, slot)
        return max((blink_shape(t - start) for start in starts), default=0.0)

    def blinks_between(self, begin: float, end: float) -> bool:
        """Whether a blink of this idle life begins from `begin` to `end`."""
        slots = range(math.floor(begin / _BLINK_SLOT_S) - 1, math.floor(end / _BLINK_SLOT_S) + 1)
        return any(begin <= start < end for k in slots for start in _blinks(self.seed, k))

    def _gaze(self, t: float, talking: float) -> tuple[float, float]:
        """Fixations: mostly the viewer's eyes, sometimes a short glance aside; saccades between them."""
        slot = math.floor(t / _GAZE_SLOT_S)
        fixations = [f for k in (slot - 2, slot - 1, slot) for f in _fixations(self.seed, k)]
        x = y = 0.0
        calm = 1 - 0.35 * talking
        for before, now in pairwise(fixations):
            if now[0] <= t:
                u = min(1.0, (t - now[0]) / _SACCADE_S)
                s = u * u * (3 - 2 * u)
                x = (before[1] * (1 - s) + now[1] * s) * calm
                y = (before[2] * (1 - s) + now[2] * s) * calm
        return x, y


def blink_shape(since: float) -> float:
    """Closure of a lid `since` seconds after a blink began: fast down, a moment shut, slower up."""
    if since <= 0 or since >= BLINK_S:
        return 0.0
    if since < BLINK_CLOSING_S:
        u = since / BLINK_CLOSING_S
    elif since < BLINK_CLOSING_S + BLINK_CLOSED_S:
        return 1.0
    else:
        u = (BLINK_S - since) / BLINK_OPENING_S
    return u * u * (3 - 2 * u)


@lru_cache(4096)
def _lattice(seed: int, channel: int, i: int) -> float:
    return random.Random(f"{seed}/{channel}/{i}").uniform(-1, 1)


@lru_cache(256)
def _blinks(seed: int, slot: int) -> tuple[float, ...]:
    """When the blinks of a slot begin."""
    rng = random.Random(f"{seed}/blinks/{slot}")
    start = slot * _BLINK_SLOT_S + rng.uniform(0.1, 0.9) * (_BLINK_SLOT_S - BLINK_S)
    kind = rng.random()
    if kind < 0.10:
        return ()
    return (start, start + BLINK_S + 0.08) if kind > 0.88 else (start,)


@lru_cache(256)
def _fixations(seed: int, slot: int) -> tuple[tuple[float, float, float], ...]:
    """(start, x, y) of the fixations that begin in a slot, the last of them on the viewer."""
    rng = random.Random(f"{seed}/gaze/{slot}")
    start = slot * _GAZE_SLOT_S
    viewer = (rng.gauss(0, 0.035), rng.gauss(0, 0.025))
    aside = start + rng.uniform(0.2, 0.9)
    if rng.random() < 0.78:
        return ((aside, *viewer),)
    glance = (rng.choice((-1, 1)) * rng.uniform(0.16, 0.42), rng.uniform(-0.22, 0.20))
    return ((aside, *glance), (aside + rng.uniform(0.45, 1.1), *viewer))
