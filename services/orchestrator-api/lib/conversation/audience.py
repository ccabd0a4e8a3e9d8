"""Who follows a session's events. Telling never waits: a follower that falls behind is dropped."""

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
        """Whether more than `BACKLOG` events have waited for it."""
        return self._fell_behind.is_set()

    async def falls_behind(self) -> None:
        """Returns once that has happened."""
        await self._fell_behind.wait()

    def tell(self, event: Event) -> None:
        """Put the event into its queue."""
        if self.behind:
            return
        self._queue.put_nowait(event)
        if self._queue.qsize() > BACKLOG:
            self._fell_behind.set()
            self.end()

    def end(self) -> None:
        """No event follows those that wait."""
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
        """Follow for as long as the context is open."""
        follower = Follower()
        self._followers.add(follower)
        try:
            yield follower
        finally:
            self._followers.discard(follower)

    def tell(self, event: Event) -> None:
        """Tell every follower."""
        for follower in self._followers:
            follower.tell(event)

    def end(self) -> None:
        """End every follower's events."""
        for follower in self._followers:
            follower.end()
