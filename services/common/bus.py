"""The bus: publish and subscribe between services. One interface; Redis between processes, memory within one.

The bus is never in the way of a conversation: while Redis is away `publish` answers False, subscriptions wait, and both
come back by themselves.
"""

import asyncio
import contextlib
import fnmatch
from collections.abc import AsyncIterator
from typing import Protocol

import redis.asyncio as redis
from pydantic import BaseModel
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from services.common.logs import logger

AWAY = (RedisError, OSError, TimeoutError)
"""What calls to Redis raise while it is away."""


class Bus(Protocol):
    """Channels are names; a pattern is a name in which `*` stands for any characters. Messages travel as JSON text."""

    async def publish(self, channel: str, message: BaseModel) -> bool:
        """Hand the message to everybody who subscribes now. False if the bus is away: then the message is lost."""
        ...

    def subscribe(self, *patterns: str) -> AsyncIterator[tuple[str, str]]:
        """(channel, JSON) of each message from now on, without end. What is said while the bus is away is missed."""
        ...

    async def ping(self) -> bool:
        """Whether the bus is there."""
        ...

    async def close(self) -> None: ...


class MemoryBus:
    """Within one process: for tests and for a service run alone."""

    def __init__(self) -> None:
        self._listeners: list[tuple[tuple[str, ...], asyncio.Queue[tuple[str, str]]]] = []

    async def publish(self, channel: str, message: BaseModel) -> bool:
        text = message.model_dump_json()
        for patterns, queue in self._listeners:
            if any(fnmatch.fnmatchcase(channel, p) for p in patterns):
                queue.put_nowait((channel, text))
        return True

    async def subscribe(self, *patterns: str) -> AsyncIterator[tuple[str, str]]:
        listener = (patterns, asyncio.Queue[tuple[str, str]]())
        self._listeners.append(listener)
        try:
            while True:
                yield await listener[1].get()
        finally:
            self._listeners.remove(listener)

    async def ping(self) -> bool:
        return True

    async def close(self) -> None:
        self._listeners.clear()


class RedisBus:
    """Redis pub/sub. `client` is there for other commands; wrap them in `asyncio.timeout(COMMAND_S)`."""

    COMMAND_S = 1.0
    """A command may take so long."""
    RETRY_S = 0.5
    """After so long a lost subscription is made anew."""

    def __init__(self, url: str) -> None:
        # No socket_timeout: a subscription is silent for as long as nobody speaks; and with one redis-py sends through
        # asyncio.wait_for, which before Python 3.12 loses a cancellation that comes as the sending ends.
        self.client = redis.from_url(url, decode_responses=True, socket_timeout=None, socket_connect_timeout=1)
        self._listener = redis.from_url(url, decode_responses=True, socket_timeout=None, socket_connect_timeout=1)
        self._away = False

    async def publish(self, channel: str, message: BaseModel) -> bool:
        try:
            async with asyncio.timeout(self.COMMAND_S):
                await self.client.publish(channel, message.model_dump_json())
        except AWAY as error:
            self._lost(error)
            return False
        self._back()
        return True

    async def subscribe(self, *patterns: str) -> AsyncIterator[tuple[str, str]]:
        while True:
            pubsub: PubSub = self._listener.pubsub(ignore_subscribe_messages=True)
            try:
                await pubsub.psubscribe(*patterns)
                self._back()
                async for message in pubsub.listen():
                    yield message["channel"], message["data"]
            except AWAY as error:
                self._lost(error)
            finally:
                with contextlib.suppress(*AWAY):
                    await pubsub.aclose()  # type: ignore[no-untyped-call]
            await asyncio.sleep(self.RETRY_S)

    async def ping(self) -> bool:
        try:
            async with asyncio.timeout(self.COMMAND_S):
                await self.client.ping()
        except AWAY as error:
            self._lost(error)
            return False
        self._back()
        return True

    async def close(self) -> None:
        await self.client.aclose()
        await self._listener.aclose()

    def _lost(self, error: BaseException) -> None:
        if not self._away:
            logger().warning("redis is away; live sessions go on, trying again", reason=str(error))
        self._away = True

    def _back(self) -> None:
        if self._away:
            logger().info("redis is back")
        self._away = False
