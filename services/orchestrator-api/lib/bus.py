"""What the orchestrator writes to Redis: the registry of sessions, and everything that is published. A conversation
never waits for it."""

import asyncio
from collections import deque
from collections.abc import Mapping

from pydantic import BaseModel

from services.common.bus import AWAY, Bus, RedisBus
from services.common.messages import registry_key

TTL_S = 60
SCAN_S = 5.0
BACKLOG = 1000
"""Messages that may wait while Redis is slow; the oldest are given up first."""


class EventPublisher:
    """Takes messages at once, publishes them in order. While the bus is away they are lost: they would be late."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._waiting: deque[tuple[str, BaseModel]] = deque(maxlen=BACKLOG)
        self._something = asyncio.Event()

    def publish(self, channel: str, message: BaseModel) -> None:
        """In its turn; nobody waits for it."""
        self._waiting.append((channel, message))
        self._something.set()

    async def run(self) -> None:
        """Without end."""
        while True:
            await self._something.wait()
            self._something.clear()
            while self._waiting:
                if not await self._bus.publish(*self._waiting.popleft()):
                    self._waiting.clear()


class Registry:
    """The hash `flashback:session:{s}` of every live session. It vanishes `TTL_S` after it was last saved."""

    def __init__(self, bus: RedisBus) -> None:
        self._redis = bus.client

    async def save(self, session: str, fields: Mapping[str, str | int]) -> bool:
        """Write it, and keep it for another `TTL_S` seconds. False: Redis is away."""
        key = registry_key(session)
        try:
            async with asyncio.timeout(RedisBus.COMMAND_S), self._redis.pipeline() as pipe:
                pipe.hset(key, items=[item for field in fields.items() for item in field])
                pipe.expire(key, TTL_S)
                await pipe.execute()
        except AWAY:
            return False
        return True

    async def forget(self, session: str) -> bool:
        """False: Redis is away; the entry vanishes by itself."""
        try:
            async with asyncio.timeout(RedisBus.COMMAND_S):
                await self._redis.delete(registry_key(session))
        except AWAY:
            return False
        return True

    async def all(self) -> dict[str, dict[str, str]]:
        """Session to its fields. Raises what `AWAY` lists while Redis is away."""
        prefix = registry_key("")
        async with asyncio.timeout(SCAN_S):
            keys = [key async for key in self._redis.scan_iter(match=f"{prefix}*", _type="hash")]
            return {key.removeprefix(prefix): _texts(await self._redis.hgetall(key)) for key in keys}


def _texts(fields: Mapping[str | bytes, str | bytes]) -> dict[str, str]:
    """The client decodes; its types do not know."""
    return {str(name): str(value) for name, value in fields.items()}
