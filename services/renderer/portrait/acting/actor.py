"""The actor: idle life and speech -> one continuous pose. No drawing.

The mouth follows articulation exactly while speech sounds. Where speech begins, breaks off or is cancelled, the
difference between what is shown and what is wanted is carried over and let go along a cubic that starts with the
present velocity and ends at rest (inertialisation: Bollo, GDC 2018). Head, brows and cheeks hang on springs.
"""

import math
import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.common.speech import VisemeAt
from services.renderer.engine import Moment
from services.renderer.idle_motion import Idle, IdleMotion, blink_shape
from services.renderer.portrait.acting.articulation import Articulation, Articulator, Vector
from services.renderer.portrait.acting.pose import MOUTH, Pose

STARTING_S, DRY_S, CANCELLED_S = 0.09, 0.15, 0.10
"""How long the mouth takes into speech, out of it, and out of it on cancel."""

_LOOK_AHEAD_MS = 90.0
"""Springs lag; prosody is known ahead, so it is asked for this much earlier."""

_BLINK_AT_PHRASE_END = 0.75
_BLINKS_APART_S = 0.6
_LONGEST_STEP_S = 0.25
_CLOSED: Vector = np.zeros(len(MOUTH))
_SILENCE = Articulation(_CLOSED, 0.0, 0.0, None)


@dataclass(slots=True)
class Spring:
    """A critically damped follower with the exact solution for any step: smooth, without overshoot."""

    tau: float
    value: float = 0.0
    speed: float = 0.0

    def towards(self, target: float, dt: float) -> float:
        """The value `dt` seconds later, drawn to a target that stays."""
        omega = 1 / self.tau
        away = self.value - target
        push = self.speed + omega * away
        fade = math.exp(-omega * dt)
        self.value = target + (away + push * dt) * fade
        self.speed = (self.speed - omega * push * dt) * fade
        return self.value


class Inertialisation:
    """The difference between what is shown and what is wanted, let go within a given time (see above)."""

    def __init__(self) -> None:
        self._gap, self._speed = _CLOSED, _CLOSED
        self._since, self._lasts = 0.0, 1.0

    def begin(self, at: float, gap: Vector, speed: Vector, lasts: float) -> None:
        """From `at` s on a difference of `gap`, growing by `speed` a second, is let go within `lasts` s."""
        self._gap, self._speed, self._since, self._lasts = gap, speed, at, lasts

    def rest(self, at: float) -> Vector:
        """The cubic from (gap, speed) to (0, 0)."""
        u = (at - self._since) / self._lasts
        if u >= 1:
            return _CLOSED
        left = (1 - u) * (1 - u)
        return self._gap * left * (1 + 2 * u) + self._speed * self._lasts * u * left


class MouthLine:
    """The mouth over time, without a jump between speech and rest."""

    def __init__(self) -> None:
        self.shown: Vector = _CLOSED
        self._speed: Vector = _CLOSED
        self._inertia = Inertialisation()
        self._source: int | None = None

    def step(self, at: float, dt: float, source: int | None, wanted: Vector, within: float) -> Vector:
        """`source` is the turn that sounds; when it changes, the mouth gets to `wanted` within so many seconds."""
        if source != self._source:
            self._source = source
            before = at - dt
            self._inertia.begin(before, self.shown - wanted, self._speed, within)
        shown = np.maximum(wanted + self._inertia.rest(at), _LOWEST)
        if dt > 0:
            self._speed = (shown - self.shown) / dt
        self.shown = shown
        return shown


_LOWEST: Vector = np.array([-0.5 if name == "wide" else 0.0 for name in MOUTH])


class Actor:
    """One session's face, in parameters. Call `pose` with growing moments."""

    def __init__(self, seed: int, rest: Pose) -> None:
        self._idle = IdleMotion(seed)
        self._rest = rest
        self._rng = random.Random(f"{seed}/actor")
        self._articulator = Articulator()
        self._cancelled = 0
        self._last: float | None = None
        self._mouth = MouthLine()
        self._phrase_end: tuple[int, float] | None = None
        self._blink_at = -math.inf
        self._talking = Spring(0.16)
        self._nod = Spring(0.055)
        self._lift = Spring(0.065)
        self._turn_aside = Spring(0.22)
        self._smile = Spring(0.16, rest.smile)
        self._aside = 0.0

    def hear(self, turn: int, t0: int, pcm: NDArray[np.int16], sr: int, visemes: list[VisemeAt]) -> None:
        """As `Performer.hear`."""
        if turn > self._cancelled:
            self._articulator.hear(turn, t0, pcm, sr, visemes)

    def cancel(self, turn: int) -> None:
        """As `Performer.cancel`."""
        self._cancelled = max(self._cancelled, turn)
        self._articulator.forget(turn)

    def pose(self, moment: Moment) -> Pose:
        """The face at this moment."""
        at = moment.at
        dt = 0.0 if self._last is None else min(max(at - self._last, 0.0), _LONGEST_STEP_S)
        self._last = at
        sounding = moment.t is not None and moment.turn > self._cancelled
        if sounding and moment.t is not None:
            now = self._articulator.at(moment.turn, moment.t)
            soon = self._articulator.at(moment.turn, moment.t + _LOOK_AHEAD_MS)
            self._articulator.forget(moment.turn - 1)
            self._blink_at_phrase_end(moment.turn, moment.t, at, now.phrase_end_ms)
            within = STARTING_S
        else:
            now = soon = _SILENCE
            within = CANCELLED_S if 0 < moment.turn <= self._cancelled else DRY_S
        mouth = self._mouth.step(at, dt, moment.turn if sounding else None, now.mouth, within)
        talking = self._talking.towards(1.0 if sounding else 0.0, dt)
        return self._compose(self._idle.at(at, talking), mouth, talking, soon, at, dt)

    def _blink_at_phrase_end(self, turn: int, t: float, at: float, phrase_end: float | None) -> None:
        if phrase_end is None or self._phrase_end == (turn, phrase_end):
            return
        self._phrase_end = (turn, phrase_end)
        self._aside = self._rng.uniform(-1, 1)  # people re-settle their head between phrases
        soon = self._idle.blinks_between(at - _BLINKS_APART_S, at + _BLINKS_APART_S)
        if t - phrase_end < 200 and not soon and self._rng.random() < _BLINK_AT_PHRASE_END:
            self._blink_at = at

    def _compose(self, idle: Idle, mouth: Vector, talking: float, soon: Articulation, at: float, dt: float) -> Pose:
        rest = self._rest
        nod = self._nod.towards(soon.emphasis, dt)
        lift = self._lift.towards(max(0.0, soon.emphasis - 0.25) * 1.2, dt)
        aside = self._turn_aside.towards(self._aside * (1.0 if talking > 0.3 else 0.0), dt)
        smile = self._smile.towards(rest.smile - (0.13 if soon.loudness > 0.05 or talking > 0.6 else 0.0), dt)
        blink = blink_shape(at - self._blink_at)
        shape = dict(zip(MOUTH, mouth.tolist(), strict=True))
        jaw = shape["jaw"]
        return Pose(
            **shape,
            smile=max(0.0, smile + idle.smile),
            blink_left=max(rest.blink_left, idle.blink, blink),
            blink_right=max(rest.blink_right, idle.blink_lag, blink),
            gaze_x=idle.gaze_x - 0.045 * (idle.yaw + 1.6 * aside) * 0.5,  # the eyes stay on the viewer
            gaze_y=idle.gaze_y - 0.05 * (idle.pitch + 1.8 * nod) * 0.5,
            brow=rest.brow + idle.brow + 0.42 * lift,
            brow_tilt=idle.brow_tilt + 0.15 * talking,
            squint=idle.squint + 0.10 * nod,
            yaw=rest.yaw + idle.yaw + 1.6 * aside,
            pitch=rest.pitch + idle.pitch + 2.3 * nod - 0.5 * jaw,
            roll=rest.roll + idle.roll + 0.8 * aside,
            breath=idle.breath,
            dx=idle.dx,
            dy=idle.dy + 0.8 * nod,
        )
