"""One avatar on air: opened, published for as long as somebody reads its events, and ended."""

import asyncio
import time
from typing import Literal

import httpx

from services.common.background import Background
from services.common.errors import Problem
from services.common.logs import logger
from services.common.whip import Target
from services.renderer.engine import Engine
from services.renderer.media.clock import MediaClock
from services.renderer.media.publisher import Publisher
from services.renderer.sessions.events import EventFeed
from services.renderer.sessions.playout import Playout
from services.renderer.sessions.render_thread import RenderThread
from services.renderer.sessions.reporting import Reporter
from services.renderer.streaming_buffer import StreamingBuffer

LINGER_S = 60.0
"""A session without a reader of its events ends after this long."""


class Session:
    """Lives from `open` to `close`, or until its owner leaves or its work fails; `ended` is set then."""

    def __init__(
        self,
        name: str,
        http: httpx.AsyncClient,
        target: Target,
        *,
        avatar: str,
        style: str,
        buffer_ms: int,
        linger_s: float = LINGER_S,
    ) -> None:
        self.name, self.avatar, self.style = name, avatar, style
        self.ended = asyncio.Event()
        self.events = EventFeed()
        self.buffer = StreamingBuffer(buffer_ms)
        self._linger_s = linger_s
        self._on_air = False
        self._task: asyncio.Task[None] | None = None
        self._clock = MediaClock(time.monotonic())
        self._render_thread = RenderThread(name)
        self._publisher = Publisher(name, http, target, self._clock)
        self._reporter = Reporter(name, self.events)
        self.playout = Playout(name, self._clock, self.buffer, self._render_thread, self._publisher, self._reporter)

    @property
    def state(self) -> Literal["connecting", "live", "reconnecting"]:
        """Connecting until the first picture was sent; reconnecting while the gateway is away."""
        if not self._on_air:
            return "connecting"
        return "live" if self._publisher.live else "reconnecting"

    async def open(self, engine: Engine, background: Background) -> None:
        """On air, with a first picture sent. Raises `Problem` if the avatar or the gateway is not to be had."""
        try:
            await self._render_thread.open(engine, self.avatar, self.style)
            await self._publisher.open()
            self._clock.restart(time.monotonic())
            self._task = background.spawn(f"session {self.name}", self._run())
            self._task.add_done_callback(lambda _: self.playout.stop())  # also where it was cancelled before it began
            await self.playout.began.wait()
            if self._task.done() or self.ended.is_set():
                raise Problem(503, f"session: {self.name} ended while it started; the renderer's log has the details.")
        except BaseException:
            await self.close()
            raise
        self._on_air = True

    async def close(self) -> None:
        """Off air. Safe to call more than once, and while it opens."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._clear_up()

    def publish_to(self, target: Target) -> None:
        """Use this target when the session has to be published again."""
        self._publisher.target = target

    def restyle(self, style: str) -> None:
        """Change to a preset that the engine has."""
        self.style = style
        self._render_thread.direct(lambda performer: performer.restyle(style))

    async def _run(self) -> None:
        log = logger().bind(session=self.name)
        log.info("session on air", avatar=self.avatar, style=self.style)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(work)
                    for work in (
                        self.playout.play(),
                        self.playout.show(),
                        self._render_thread.watch(),
                        self._publisher.stay_published(),
                    )
                ]
                await self.events.abandoned(self._linger_s)
                log.info("nobody reads the session's events; it ends", after_s=self._linger_s)
                for task in tasks:
                    task.cancel()
        finally:
            await asyncio.shield(self._clear_up())
            log.info("session off air")

    async def _clear_up(self) -> None:
        if self.ended.is_set():
            return
        self.ended.set()
        self.playout.stop()
        self.events.close()
        self._reporter.close()
        self._render_thread.close()
        await self._publisher.close()
