"""One session's face: pictures of its speech from the stage, idle motion from a loop, and the joins between them."""

import threading
from dataclasses import dataclass, field
from math import inf

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from services.common import metrics
from services.common.speech import VisemeAt
from services.renderer.echomimic.drift import DriftGuard
from services.renderer.echomimic.generator import Likeness
from services.renderer.echomimic.recipe import MEMORY, Recipe
from services.renderer.echomimic.sound import TurnSound
from services.renderer.echomimic.stage import Stage, WindowJob
from services.renderer.echomimic.windows import LOOK_AHEAD, Window, WindowPlan
from services.renderer.engine import Frame, Moment
from services.renderer.media.clock import FPS

BLEND = 3
"""Pictures of a cross-fade where one motion takes over from another."""

SIZE = 512


@dataclass(frozen=True, slots=True)
class Avatar:
    """What all sessions of an avatar share."""

    likeness: Likeness
    idle: list[Frame]  # runs forward, then backward

    def at(self, picture: int) -> Frame:
        """The idle picture of this number, counted from 0 without end."""
        place = picture % (2 * len(self.idle) - 2)
        return self.idle[min(place, 2 * len(self.idle) - 2 - place)]


@dataclass(slots=True)
class _Turn:
    """What is known and made of one turn."""

    sound: TurnSound
    plan: WindowPlan
    reel: dict[int, tuple[Frame, int]] = field(default_factory=dict)  # picture to (itself, its chain)
    guard: DriftGuard = field(default_factory=DriftGuard)
    chain: int = 0
    playhead: int = 0
    failed: bool = False

    def index(self, t: float) -> int:
        """The picture nearest to `t` ms; at the end the last one stays."""
        picture = int(t * FPS / 1000 + 0.5)
        return min(picture, max(0, int(self.sound.pictures))) if self.sound.ended else picture


class EchoMimicPerformer:
    """Fills `services.renderer.engine.Performer`, and `services.renderer.echomimic.stage.Client`."""

    def __init__(self, stage: Stage, avatar: Avatar, recipe: Recipe, phase: int) -> None:
        """`phase`: the picture of the idle loop to begin with, so that sessions do not move in step."""
        self._stage, self._avatar, self._recipe, self._phase = stage, avatar, recipe, phase
        self._lock = threading.Lock()
        self._turn: _Turn | None = None
        self._cancelled = 0
        self._job: tuple[WindowJob, Window] | None = None
        self._tail: Tensor | None = None  # the last pictures of the window before
        self._last: Frame = avatar.likeness.portrait
        self._delivered = 0
        self._at = self._heard_at = 0.0
        self._shown: Frame = avatar.at(phase)
        self._source: tuple[int, int] = (0, 0)  # (turn, chain), or (0, 0) for idle
        self._from: Frame = self._shown
        self._fade = 0

    # --- what the session says ---------------------------------------------------------------------------------------

    def hear(self, turn: int, t0: int, pcm: NDArray[np.int16], sr: int, visemes: list[VisemeAt]) -> None:
        """As `Performer.hear`."""
        with self._lock:
            if turn <= self._cancelled:
                return
            if self._turn is None or turn > self._turn.sound.turn:
                self._forget()
                self._turn = _Turn(TurnSound(turn, sr), WindowPlan(self._recipe.scheme))
            if turn == self._turn.sound.turn:
                self._turn.sound.append(pcm)
                self._heard_at = self._at
                self._order()

    def end(self, turn: int) -> None:
        """As `Performer.end`."""
        with self._lock:
            if self._turn is not None and self._turn.sound.turn == turn:
                self._turn.sound.end()
                self._order()

    def cancel(self, turn: int) -> None:
        """As `Performer.cancel`."""
        with self._lock:
            self._cancelled = max(self._cancelled, turn)
            if self._turn is not None and self._turn.sound.turn <= turn:
                self._forget()

    def ready(self, turn: int, t: float) -> bool:
        """As `Performer.ready`."""
        with self._lock:
            if self._turn is None or self._turn.sound.turn != turn:
                return turn <= self._cancelled
            return self._turn.failed or self._turn.index(t) in self._turn.reel

    def restyle(self, style: str) -> None:
        """There is one style."""

    def close(self) -> None:
        """As `Performer.close`."""
        with self._lock:
            self._cancelled = 1 << 62
            self._forget()

    def frame(self, moment: Moment) -> Frame:
        """As `Performer.frame`."""
        with self._lock:
            self._at = moment.at
            picture, source = self._picture(moment)
            self._order()
        if picture is not None:
            self._shown = self._blended(picture, source)
        return self._shown

    def _picture(self, moment: Moment) -> tuple[Frame | None, tuple[int, int]]:
        """(what this moment shows, or None where it is not there yet; the motion that it belongs to)."""
        turn = self._turn
        if moment.t is None or turn is None or turn.sound.turn != moment.turn:
            return self._sized(self._avatar.at(self._phase + int(moment.at * FPS))), (0, 0)
        turn.playhead = turn.index(moment.t)
        for past in [place for place in turn.reel if place < turn.playhead]:
            del turn.reel[past]
        turn.sound.forget(min(turn.playhead, turn.plan.next_picture) - MEMORY - self._recipe.scheme.window)
        if turn.playhead not in turn.reel:
            metrics.PICTURES_REPEATED_TOTAL.inc()
            return None, self._source
        picture, chain = turn.reel[turn.playhead]
        return self._sized(picture), (moment.turn, chain)

    def _sized(self, picture: Frame) -> Frame:
        if picture.shape[0] == SIZE:
            return picture
        return np.asarray(cv2.resize(picture, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC), np.uint8)

    def _blended(self, picture: Frame, source: tuple[int, int]) -> Frame:
        if source != self._source:
            self._source, self._from, self._fade = source, self._shown, BLEND
        if not self._fade or self._from.shape != picture.shape:
            return picture
        share = self._fade / (BLEND + 1)
        self._fade -= 1
        return np.asarray(cv2.addWeighted(self._from, share, picture, 1 - share, 0), np.uint8)

    # --- windows -----------------------------------------------------------------------------------------------------

    def _order(self) -> None:
        """Ask for the next window, if there is speech for it and none is being made."""
        turn = self._turn
        if turn is None or turn.failed or self._job is not None:
            return
        sound, plan = turn.sound, turn.plan
        waited = self._at - self._heard_at if not sound.ended else inf
        window = plan.next(sound.pictures, sound.ended, turn.playhead, waited, sound.quiet(plan.next_picture))
        if window is None:
            return
        plan.take(window)
        carried = self._tail if window.start == "carried" else None
        if carried is None:
            turn.chain += 1
            turn.guard.restart()
            metrics.REANCHORS_TOTAL.labels(window.start).inc()
        stop = window.first + self._recipe.scheme.window - self._recipe.scheme.carried(window.start) + LOOK_AHEAD
        job = WindowJob(
            client=self,
            likeness=self._avatar.likeness,
            sound=sound.cut(stop, self._recipe.audio_pictures),
            carried=carried,
            due=self._at + (window.first - turn.playhead) / FPS,
        )
        self._job, self._delivered = (job, window), 0
        self._stage.submit(job)

    def deliver(self, job: WindowJob, pictures: list[Frame]) -> None:
        """As `Client.deliver`."""
        with self._lock:
            if self._job is None or self._job[0] is not job or self._turn is None:
                return
            window = self._job[1]
            for picture in pictures[: window.count - self._delivered]:
                self._turn.reel[window.first + self._delivered] = (picture, self._turn.chain)
                self._delivered += 1
            self._last = pictures[-1]

    def finish(self, job: WindowJob) -> None:
        """As `Client.finish`."""
        with self._lock:
            if self._job is None or self._job[0] is not job or self._turn is None:
                return
            self._job, self._tail = None, job.tail
            if job.tail is None:
                self._turn.failed = True  # the rest of the turn is only heard
                return
            if self._turn.guard.drifted(self._last):
                self._turn.plan.break_off("drift")
            self._order()

    def _forget(self) -> None:
        """Nothing of the turn is wanted any more."""
        self._turn = self._tail = None
        if self._job is not None:
            self._job[0].cancelled = True
            self._job = None
