"""The portrait engine: faces drawn on the CPU, many sessions on shared layers."""

import asyncio
import hashlib
import itertools
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from services.common.errors import Problem
from services.common.logs import logger
from services.common.speech import VisemeAt
from services.renderer.engine import Frame, Moment
from services.renderer.portrait import cache
from services.renderer.portrait.acting.actor import Actor
from services.renderer.portrait.drawing.face import Face
from services.renderer.portrait.layers.baking import Layers
from services.renderer.portrait.paint.raster import SIZE
from services.renderer.portrait.person.people import PEOPLE
from services.renderer.portrait.person.styles import STYLES, graded, preset_for

CROSS_FADE_S = 0.5

_ROOT = Path(__file__).resolve().parents[3]


class PortraitEngine:
    """Fills `services.renderer.engine.Engine`.

    Layers are read from `cache_dir`; what is not there is drawn first, by a process of its own, so that the frames of
    running sessions go on. The start has the default avatar in the style that the prompt's words choose.
    """

    name = "portrait"
    styles = tuple(STYLES)
    avatars = tuple(PEOPLE)

    def __init__(self, cache_dir: Path, style_prompt: str, style_cfg: float) -> None:
        self.style = preset_for(style_prompt)
        self._folder, self._cfg = cache_dir, style_cfg
        self._lock = threading.Lock()
        self._coming: dict[tuple[str, str], Future[Layers]] = {}
        self._bakery = ThreadPoolExecutor(1, "portrait-bakery")
        self._child: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._opened = itertools.count()
        self.layers(self.avatars[0], self.style)

    def open(self, avatar: str, style: str) -> "PortraitPerformer":
        """As `Engine.open`. Takes some seconds where the avatar has never been drawn in this style."""
        if avatar not in PEOPLE:
            raise Problem(
                422, f"avatar: {avatar!r} is not there; it is one of {', '.join(self.avatars)}.", field="avatar"
            )
        self.check(style)
        self.layers(avatar, style)
        seed = int.from_bytes(hashlib.sha256(f"{avatar}/{next(self._opened)}".encode()).digest()[:6])
        return PortraitPerformer(self, avatar, style, seed)

    async def supervise(self) -> None:
        """As `Engine.supervise`. The bakery's thread does not end: what it raises goes to who waits for layers."""
        await asyncio.Event().wait()

    def close(self) -> None:
        """Give up what is being drawn."""
        with self._lock:
            self._closed = True
            if self._child is not None:
                self._child.terminate()
        self._bakery.shutdown(cancel_futures=True)

    def check(self, style: str) -> None:
        """Raises `Problem` 422 for a style that is not a preset."""
        if style not in STYLES:
            raise Problem(422, f"style: {style!r} is not there; it is one of {', '.join(self.styles)}.", field="style")

    def layers(self, avatar: str, style: str) -> Layers:
        """The layers, now; waits while they are drawn."""
        return self.coming(avatar, style).result()

    def coming(self, avatar: str, style: str) -> "Future[Layers]":
        """The layers as soon as they are there: at once where the disk has them; each pair is drawn once."""
        with self._lock:
            known = self._coming.get((avatar, style))
            if known is None or (known.done() and (known.cancelled() or known.exception())):
                stored = cache.load(self._path(avatar, style))
                if stored is None:
                    known = self._bakery.submit(self._drawn, avatar, style)
                else:
                    known = Future()
                    known.set_result(stored)
                self._coming[avatar, style] = known
            return known

    def face(self, avatar: str, style: str, layers: Layers) -> Face:
        """What draws this avatar in this style. Fast: layers are only read."""
        return Face(PEOPLE[avatar], graded(STYLES[style], self._cfg), layers)

    def _path(self, avatar: str, style: str) -> Path:
        return cache.path_of(self._folder, PEOPLE[avatar], graded(STYLES[style], self._cfg))

    def _drawn(self, avatar: str, style: str) -> Layers:
        self._bake_apart(avatar, style)
        layers = cache.load(self._path(avatar, style))
        if layers is None:
            raise RuntimeError(f"The portrait of {avatar} in {style} could not be drawn; the log above says why.")
        return layers

    def _bake_apart(self, avatar: str, style: str) -> None:
        command = [sys.executable, "-m", "services.renderer.portrait.bake", avatar, style]
        command += ["--folder", str(self._folder.resolve()), "--cfg", str(self._cfg), "--background"]
        with self._lock:
            if self._closed:
                return
            self._child = subprocess.Popen(command, cwd=_ROOT)
        self._child.wait()
        self._child = None


class PortraitPerformer:
    """Fills `services.renderer.engine.Performer`."""

    def __init__(self, engine: PortraitEngine, avatar: str, style: str, seed: int) -> None:
        self._engine, self._avatar = engine, avatar
        self._actor = Actor(seed, PEOPLE[avatar].rest)
        self._face = engine.face(avatar, style, engine.layers(avatar, style))
        self._wanted: tuple[str, Future[Layers]] | None = None
        self._coming: Face | None = None
        self._fading_since = 0.0
        self._mixed: Frame = np.zeros((SIZE, SIZE, 3), np.uint8)

    def hear(self, turn: int, t0: int, pcm: NDArray[np.int16], sr: int, visemes: list[VisemeAt]) -> None:
        """As `Performer.hear`."""
        self._actor.hear(turn, t0, pcm, sr, visemes)

    def end(self, turn: int) -> None:
        """Speech is followed as it comes."""

    def ready(self, turn: int, t: float) -> bool:
        """A picture is drawn when it is due."""
        return True

    def cancel(self, turn: int) -> None:
        """As `Performer.cancel`."""
        self._actor.cancel(turn)

    def frame(self, moment: Moment) -> Frame:
        """As `Performer.frame`. While a style comes in, both are drawn and mixed."""
        pose = self._actor.pose(moment)
        self._begin_fade(moment.at)
        shown = self._face.draw(pose)
        if self._coming is None:
            return shown
        share = (moment.at - self._fading_since) / CROSS_FADE_S
        coming = self._coming.draw(pose)
        if share >= 1:
            self._face, self._coming = self._coming, None
            return coming
        cv2.addWeighted(shown, 1 - share, coming, share, 0, dst=self._mixed)
        return self._mixed

    def restyle(self, style: str) -> None:
        """As `Performer.restyle`: frames go on; the new style fades in once its layers are there."""
        self._engine.check(style)
        self._wanted = (style, self._engine.coming(self._avatar, style))

    def close(self) -> None:
        """As `Performer.close`."""
        self._wanted = self._coming = None

    def _begin_fade(self, at: float) -> None:
        """WindowJob up the style that was asked for last, when it is there and no fade is going on."""
        if self._wanted is None or self._coming is not None or not self._wanted[1].done():
            return
        (style, layers), self._wanted = self._wanted, None
        if layers.cancelled():
            return
        error = layers.exception()
        if error is not None:
            logger().error("the style could not be drawn; the old one stays", style=style, exc_info=error)
            return
        self._coming, self._fading_since = self._engine.face(self._avatar, style, layers.result()), at
