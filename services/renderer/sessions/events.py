"""The events of a session for its owner: playback, captions, metrics, one JSON line each.

Writing never waits: a slow or vanished reader costs the oldest positions first, then the oldest of the rest.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator

from services.common.messages import Caption, Metrics, Playback

SessionEvent = Playback | Caption | Metrics

LIMIT = 512
"""Half a minute of speech."""


class EventFeed:
    """One reader at a time; a new one takes over from the old."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._waiting: deque[SessionEvent] = deque()
        self._news = asyncio.Event()
        self._reader: object | None = None
        self._closed = False
        self._attached = asyncio.Event()
        self._detached = asyncio.Event()

    def put(self, message: SessionEvent) -> None:
        """Never waits; where too much waits, the oldest position goes, or else the oldest of all."""
        if len(self._waiting) >= self._limit:
            expendable = next((m for m in self._waiting if isinstance(m, Playback) and m.phase == "playing"), None)
            self._waiting.remove(expendable or self._waiting[0])
        self._waiting.append(message)
        self._news.set()

    def close(self) -> None:
        """The reader gets what is left, and its stream ends."""
        self._closed = True
        self._news.set()

    async def lines(self) -> AsyncGenerator[str, None]:
        """JSON lines from the oldest that is kept on, until the feed closes or another reader comes."""
        me = self._reader = object()
        self._news.set()  # whoever read before looks up, and leaves
        self._attached.set()
        self._detached.clear()
        try:
            while self._reader is me:
                if self._waiting:
                    yield self._waiting.popleft().model_dump_json() + "\n"
                elif self._closed:
                    return
                else:
                    self._news.clear()
                    await self._news.wait()
        finally:
            if self._reader is me:
                self._reader = None
                self._attached.clear()
                self._detached.set()

    async def abandoned(self, after_s: float) -> None:
        """Returns once there has been no reader for `after_s` seconds on end."""
        while True:
            try:
                async with asyncio.timeout(after_s):
                    await self._attached.wait()
            except TimeoutError:
                return
            await self._detached.wait()
