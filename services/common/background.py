"""Work that goes on beside the requests. None of it dies unseen.

What a service cannot be without is kept: if it raises, or returns, the service says at `/readyz` what failed and ends
with an error, so that its supervisor starts it anew. What belongs to one session is spawned: if it raises, that session
is lost, and nobody else is disturbed. Either way the log has the work's name and the traceback.
"""

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self

from services.common.logs import logger

Work = Coroutine[Any, Any, None]


class Background:
    """Enter it as an async context; whatever still runs when it is left is cancelled and awaited."""

    def __init__(self) -> None:
        self.failure: str | None = None
        """A sentence about the kept work that failed first; None while all is well."""
        self._group = asyncio.TaskGroup()
        self._tasks: set[asyncio.Task[None]] = set()
        self._when_failed: list[Callable[[], None]] = []
        self._when_stopping: list[Callable[[], None]] = []

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await self._group.__aexit__(kind, raised, trace)

    def keep(self, name: str, work: Work) -> None:
        """Work without end. If it ends all the same, `failure` is set and the service ends."""
        self._start(name, work, self._kept(name, work))

    def spawn(self, name: str, work: Work, *, failed: Callable[[], None] | None = None) -> asyncio.Task[None]:
        """Work that may end; cancel the task to stop it. If it raises, `failed` is called after the log has it. If that
        raises too, the service ends."""
        return self._start(name, work, self._spawned(name, work, failed))

    def when_failed(self, act: Callable[[], None]) -> None:
        """Call it, once, when kept work has failed."""
        self._when_failed.append(act)

    def when_stopping(self, act: Callable[[], None]) -> None:
        """Call it when the service is told to stop, before it waits for open requests: end those that do not end."""
        self._when_stopping.append(act)

    def stopping(self) -> None:
        """The service is told to stop."""
        for act in self._when_stopping:
            act()

    def _start(self, name: str, work: Work, supervised: Work) -> asyncio.Task[None]:
        task = self._group.create_task(supervised, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: work.close())  # where it was cancelled before it began
        return task

    async def _kept(self, name: str, work: Work) -> None:
        try:
            await work
        except Exception as error:
            logger().critical("background work failed; the service ends", work=name, exc_info=error)
            self._fail(f"{name} failed ({type(error).__name__}); the log has the details")
        else:
            logger().critical("background work ended, which it must not; the service ends", work=name)
            self._fail(f"{name} ended, which it must not")

    def _fail(self, failure: str) -> None:
        if self.failure is None:
            self.failure = failure
            for act in self._when_failed:
                act()

    async def _spawned(self, name: str, work: Work, failed: Callable[[], None] | None) -> None:
        try:
            await work
        except Exception as error:
            logger().error("background work failed", work=name, exc_info=error)
            if failed is not None:
                self._tell(name, failed)

    def _tell(self, name: str, failed: Callable[[], None]) -> None:
        try:
            failed()
        except (
            Exception
        ) as error:  # what the session left behind is not taken down: only a new start is sure to be clean
            logger().critical("what follows a failure failed; the service ends", work=name, exc_info=error)
            self._fail(f"what follows the failure of {name} failed ({type(error).__name__}); the log has the details")
