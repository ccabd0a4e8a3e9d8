"""The bus, in memory and over Redis, which may be killed at any time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from services.common.bus import Bus, MemoryBus, RedisBus
from services.common.messages import CONTROL_PATTERN, Cancel, control_channel, events_channel
from tests.common.redis_process import DEADLINE_S, RedisProcess


class Listener:
    """Hears a bus in the background."""

    def __init__(self, bus: Bus, *patterns: str) -> None:
        self._queue: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self._task = asyncio.create_task(self._listen(bus, patterns))

    async def _listen(self, bus: Bus, patterns: tuple[str, ...]) -> None:
        async for heard in bus.subscribe(*patterns):
            self._queue.put_nowait(heard)

    async def next(self) -> tuple[str, Cancel]:
        async with asyncio.timeout(DEADLINE_S):
            channel, text = await self._queue.get()
        return channel, Cancel.model_validate_json(text)

    async def next_after(self, say: Callable[[], object]) -> tuple[str, Cancel]:
        """What is heard once saying it again and again has got through."""
        async with asyncio.timeout(DEADLINE_S):
            while self._queue.empty():
                said = say()
                if asyncio.iscoroutine(said):
                    await said
                await asyncio.sleep(0.02)
        return await self.next()

    async def stop(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task


@pytest.fixture
async def redis_process() -> AsyncIterator[RedisProcess]:
    process = RedisProcess()
    process.start()
    yield process
    process.kill()


@pytest.fixture(params=["memory", "redis"])
async def bus(request: pytest.FixtureRequest, redis_process: RedisProcess) -> AsyncIterator[Bus]:
    made: Bus = MemoryBus() if request.param == "memory" else RedisBus(redis_process.url)
    yield made
    await made.close()


async def test_messages_arrive_in_order_where_the_pattern_matches(bus: Bus) -> None:
    """A subscriber of the control pattern hears every session's control messages and no events."""
    listener = Listener(bus, CONTROL_PATTERN)
    await listener.next_after(lambda: bus.publish(control_channel("hello"), Cancel(session="hello")))
    sent = [Cancel(session=f"s{n % 3}", turn=n) for n in range(30)]
    for message in sent:
        assert await bus.publish(events_channel(message.session), message)
        assert await bus.publish(control_channel(message.session), message)
    heard: list[tuple[str, Cancel]] = []
    while len(heard) < len(sent):
        channel, message = await listener.next()
        if message.session != "hello":
            heard.append((channel, message))
    assert heard == [(control_channel(m.session), m) for m in sent]
    await listener.stop()


async def test_everybody_hears_and_whoever_left_does_not(bus: Bus) -> None:
    """Two subscribers hear the same; one that stopped costs nothing."""
    one, two = Listener(bus, "a"), Listener(bus, "a", "b")
    await one.next_after(lambda: bus.publish("a", Cancel(session="s1")))
    await two.next_after(lambda: bus.publish("b", Cancel(session="s1")))
    await one.stop()
    assert await bus.publish("a", Cancel(session="s2"))
    while (await two.next())[1].session != "s2":
        pass
    await two.stop()
    assert await bus.ping()


async def test_redis_killed_and_started_again(redis_process: RedisProcess) -> None:
    """While it is away publish and ping say False at once; then publishers and subscribers are back by themselves."""
    bus = RedisBus(redis_process.url)
    listener = Listener(bus, "a")
    await listener.next_after(lambda: bus.publish("a", Cancel(session="s1")))
    redis_process.kill()
    async with asyncio.timeout(DEADLINE_S):
        assert not await bus.publish("a", Cancel(session="lost"))
        assert not await bus.ping()
    redis_process.start()
    session = ""
    while session != "s2":
        _, message = await listener.next_after(lambda: bus.publish("a", Cancel(session="s2")))
        session = message.session
    assert await bus.ping()
    await listener.stop()
    await bus.close()


async def test_a_subscription_waits_for_redis_to_come(redis_process: RedisProcess) -> None:
    """Subscribed while it is away: heard once it is there."""
    redis_process.kill()
    bus = RedisBus(redis_process.url)
    listener = Listener(bus, "a")
    assert not await bus.ping()
    redis_process.start()
    _, message = await listener.next_after(lambda: bus.publish("a", Cancel(session="s1")))
    assert message.session == "s1"
    await listener.stop()
    await bus.close()


async def test_whoever_publishes_can_be_cancelled_at_any_moment(redis_process: RedisProcess) -> None:
    """A cancellation is never lost, whichever step of a command it meets."""
    bus = RedisBus(redis_process.url)
    await bus.ping()

    async def publish_without_end() -> None:
        while True:
            assert await bus.publish("a", Cancel(session="s1"))

    for steps in range(60):
        task = asyncio.create_task(publish_without_end())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        _, pending = await asyncio.wait([task], timeout=DEADLINE_S)
        assert not pending
        assert task.cancelled()
    await bus.close()
