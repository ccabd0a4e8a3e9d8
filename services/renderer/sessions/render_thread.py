"""The thread on which one session's face is drawn and encoded: whatever touches either runs there, in order."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from services.common import metrics
from services.common.logs import logger
from services.renderer.engine import Engine, Moment, Performer
from services.renderer.media.encoding import Packet, Vp8Encoder

T = TypeVar("T")


class RenderThread:
    """Usable from `open` to `close`; its methods belong to the session's loop."""

    def __init__(self, session: str) -> None:
        self._session = session
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=f"draw-{session}")
        self._performer: Performer | None = None
        self._vp8: Vp8Encoder | None = None
        self._loop = asyncio.get_running_loop()
        self._failure: asyncio.Future[None] = self._loop.create_future()
        self._closed = False

    async def open(self, engine: Engine, avatar: str, style: str) -> None:
        """Raises `Problem` as `Engine.open` does."""
        self._performer = await self._run(partial(engine.open, avatar, style))
        self._vp8 = await self._run(Vp8Encoder)

    def close(self) -> None:
        """Nothing more is drawn. Does not wait for the picture that is being drawn."""
        if self._closed:
            return
        if self._performer is not None:
            self._executor.submit(self._performer.close).add_done_callback(self._closing_failed)
        self._closed = True
        self._executor.shutdown(wait=False)

    def ready(self, turn: int, t: float) -> bool:
        """As `Performer.ready`."""
        return self._performer is None or self._performer.ready(turn, t)

    def direct(self, order: Callable[[Performer], None]) -> None:
        """Tell the performer something; it is done before the next picture is begun."""
        if self._performer is not None and not self._closed:
            self._executor.submit(order, self._performer).add_done_callback(self._directed)

    async def draw(self, moment: Moment, number: int, latest: float, *, keyframe: bool) -> Packet | None:
        """The moment's picture, the session's `number`th. None if it was not drawn by `latest`, `time.monotonic()`."""
        return await self._run(partial(self._draw, moment, number, latest, keyframe))

    async def watch(self) -> None:
        """Without end, unless an order to the performer fails: raises what it raised."""
        await self._failure

    def _draw(self, moment: Moment, number: int, latest: float, keyframe: bool) -> Packet | None:
        assert self._performer is not None
        assert self._vp8 is not None
        begun = time.monotonic()
        picture = self._performer.frame(moment)
        if time.monotonic() > latest:
            return None
        packet = self._vp8.encode(picture, number, keyframe=keyframe)
        metrics.FRAME_DRAW_MS.observe((time.monotonic() - begun) * 1000)
        return packet

    async def _run(self, work: Callable[[], T]) -> T:
        return await self._loop.run_in_executor(self._executor, work)

    def _directed(self, done: Future[None]) -> None:
        """On the thread itself."""
        if (error := done.exception()) is not None:
            self._loop.call_soon_threadsafe(self._fail, error)

    def _fail(self, error: BaseException) -> None:
        if not self._failure.done():
            self._failure.set_exception(error)

    def _closing_failed(self, done: Future[None]) -> None:
        if (error := done.exception()) is not None:
            logger().error("a performer could not be closed", session=self._session, exc_info=error)
