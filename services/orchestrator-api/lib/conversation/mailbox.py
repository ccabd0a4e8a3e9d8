"""An actor's mailbox: callers put in work and may wait for it; a single loop does it in order of arrival."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from services.common.errors import Problem

Work = Callable[[], Awaitable[Any]]
Result = TypeVar("Result")


class Mailbox:
    """Work that was begun is finished even if whoever asked for it has gone away."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[tuple[Work, asyncio.Future[Any] | None]] = asyncio.Queue()
        self._promises: set[asyncio.Future[Any]] = set()
        self._closed: Problem | None = None

    def post(self, work: Work) -> None:
        """Do it in its turn; nobody waits for it."""
        self._waiting.put_nowait((work, None))

    async def do(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """Do it in its turn and return what it returns. Raises the `Problem` that it raises."""
        if self._closed:
            raise self._closed
        promise: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._promises.add(promise)
        promise.add_done_callback(self._promises.discard)
        self._waiting.put_nowait((work, promise))
        return await promise

    async def run(self) -> None:
        """Without end. Raises what work raises that is not a `Problem`: a bug."""
        while True:
            work, promise = await self._waiting.get()
            try:
                result = await work()
            except Problem as problem:
                if promise and not promise.done():
                    promise.set_exception(problem)
            else:
                if promise and not promise.done():
                    promise.set_result(result)

    def close(self, problem: Problem) -> None:
        """Whoever still waits, or comes later, gets this."""
        self._closed = problem
        for promise in [p for p in self._promises if not p.done()]:
            promise.set_exception(problem)
