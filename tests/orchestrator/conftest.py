"""A whole orchestrator between real HTTP servers, a real Redis, and a page that speaks HTTP and WebSocket."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import redis.asyncio as redis
from pydantic import BaseModel
from websockets.asyncio.client import ClientConnection, connect

from services.common.messages import EVENTS, SERVICES_CHANNEL, Event, Heartbeat
from services.common.utterances import utterances_channel
from services.orchestrator_api.app import create_app
from services.orchestrator_api.settings import OrchestratorSettings
from tests.common.redis_process import RedisProcess
from tests.orchestrator.fake_renderer import Avatar, FakeRenderer
from tests.orchestrator.fakes import OFFER, FakeAsr, FakeGateway, FakeRag, FakeTts, Timers
from tests.orchestrator.serving import DEADLINE_S, Server, free_port, until

SECRET = "a-secret-of-the-tests-that-is-long-enough"


@dataclass
class Stack:
    """Everything around one orchestrator."""

    redis: RedisProcess
    rag: FakeRag = field(default_factory=FakeRag)
    tts: FakeTts = field(default_factory=FakeTts)
    renderer: FakeRenderer = field(default_factory=FakeRenderer)
    gateway: FakeGateway = field(default_factory=lambda: FakeGateway(SECRET))
    asr: FakeAsr = field(default_factory=FakeAsr)
    timers: Timers = field(default_factory=Timers)

    def __post_init__(self) -> None:
        self.settings = self.with_settings()
        self.port = free_port()
        self.server = Server(create_app(self.settings, after=self.timers.after), self.port)
        self.http = httpx.AsyncClient(base_url=self.server.url, timeout=DEADLINE_S, verify=False)

    def with_settings(self, **changes: Any) -> OrchestratorSettings:
        return OrchestratorSettings(
            _env_file=None,  # type: ignore[call-arg]  # a keyword of pydantic-settings, unknown to its plugin
            **{
                "token_secret": SECRET,
                "redis_url": self.redis.url,
                "rag_url": self.rag.server.url,
                "tts_url": self.tts.server.url,
                "renderer_url": self.renderer.server.url,
                "sfu_url": self.gateway.server.url,
                "log_level": "error",
                **changes,
            },
        )

    async def restart(self, **changes: Any) -> None:
        """Another orchestrator in the place of this one."""
        await self.server.stop()
        self.settings = self.with_settings(**changes)
        self.server = Server(create_app(self.settings, after=self.timers.after), self.port)
        await self.server.start()

    async def open(self, **fields: Any) -> dict[str, Any]:
        answer = await self.http.post("/session", json={"sdp": OFFER} | fields)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def start_asr(self, instance: str = "run1", **settings: Any) -> None:
        """From now on there is asr; its first beat has been heard."""
        await self.asr.server.start()
        await self.restart(asr_url=self.asr.server.url, **settings)
        await self.beat(instance)

    async def beat(self, instance: str = "run1") -> None:
        """asr says that it is there."""
        await self.publish(SERVICES_CHANNEL, Heartbeat(service="asr", instance=instance))

    async def hear(self, opened: dict[str, Any], kind: type[Any], instance: str = "run1", **fields: Any) -> None:
        """asr hears this at the session's microphone."""
        message = kind(session=opened["session"], instance=instance, **{"utterance": 1} | fields)
        await self.publish(utterances_channel(opened["session"]), message)

    async def publish(self, channel: str, message: BaseModel) -> None:
        """On the bus, once somebody listens."""
        async with redis.from_url(self.redis.url) as client:

            async def heard() -> int:
                return int(await client.publish(channel, message.model_dump_json()))

            await until(heard)

    def avatar(self, opened: dict[str, Any]) -> Avatar:
        return self.renderer.avatars[opened["session"]]

    @contextlib.asynccontextmanager
    async def page(self, opened: dict[str, Any]) -> AsyncIterator["Page"]:
        address = f"ws://127.0.0.1:{self.port}/control?session={opened['session']}&token={opened['token']}"
        async with connect(address) as socket:
            yield Page(socket)


class Page:
    """A control socket; every event that came, in order."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.events: list[Event] = []

    async def say(self, type: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": type} | fields))

    async def until(self, true: Callable[[Event], bool]) -> Event:
        """The next event of which this holds."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                event = EVENTS.validate_json(await self.socket.recv())
                self.events.append(event)
                if true(event):
                    return event

    async def state(self, state: str, turn: int | None = None) -> Event:
        return await self.until(lambda e: e.type == "state" and e.state == state and (turn is None or e.turn == turn))

    async def type(self, type: str) -> Any:
        return await self.until(lambda e: e.type == type)

    def of(self, type: str, turn: int | None = None) -> list[Any]:
        return [e for e in self.events if e.type == type and (turn is None or e.turn == turn)]


@pytest.fixture(scope="session")
def redis_process() -> Iterator[RedisProcess]:
    process = RedisProcess()
    process.start()
    yield process
    process.kill()


@pytest.fixture
async def stack(redis_process: RedisProcess) -> AsyncIterator[Stack]:
    async with redis.from_url(redis_process.url) as client:
        await client.flushall()
    stack = Stack(redis_process)
    fakes = [fake.server for fake in (stack.rag, stack.tts, stack.renderer, stack.gateway)]
    await asyncio.gather(*(server.start() for server in fakes))
    await stack.server.start()
    yield stack
    await stack.http.aclose()
    await stack.server.stop()
    await asyncio.gather(*(server.stop() for server in (*fakes, stack.asr.server)))


@pytest.fixture
def own_redis() -> Iterator[RedisProcess]:
    """One that the test may kill."""
    process = RedisProcess()
    process.start()
    yield process
    process.kill()
