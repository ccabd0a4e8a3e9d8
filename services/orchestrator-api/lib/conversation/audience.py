"""Who follows a session's events. Nobody waits for anybody: whoever falls behind is let go."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

from services.common.messages import Event

BACKLOG = 256
"""Events that one follower may be behind."""


class Follower:
    """Iterate over it for the events from now on, until the session ends. Once it fell behind, it gets no more."""

    def __init__(self) -> None:
        self._fell_behind = asyncio.Event()
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue()

    @property
    def behind(self) -> bool:
        return self._fell_behind.is_set()

    async def falls_behind(self) -> None:
        """Returns once that has happened."""
        await self._fell_behind.wait()

    def tell(self, event: Event) -> None:
        if self.behind:
            return
        self._queue.put_nowait(event)
        if self._queue.qsize() > BACKLOG:
            self._fell_behind.set()
            self.end()

    def end(self) -> None:
        self._queue.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[Event]:
        while (event := await self._queue.get()) is not None:
            yield event


class Audience:
    """Everybody who follows one session."""

    def __init__(self) -> None:
        self._followers: set[Follower] = set()

    @contextlib.contextmanager
    def follow(self) -> Iterator[Follower]:
        follower = Follower()
        self._followers.add(follower)
        try:
            yield follower
        finally:
            self._followers.discard(follower)

    def tell(self, event: Event) -> None:
        for follower in self._followers:
            follower.tell(event)

    def end(self) -> None:
        for follower in self._followers:
            follower.end()
