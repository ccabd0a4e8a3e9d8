"""The gateway's real binary, and asr beside it with its real models, on a bus in memory."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from pydantic import BaseModel

from services.asr.audio.vad import SileroVoiceDetector, VoiceDetector
from services.asr.server import create_app
from services.asr.settings import AsrSettings
from services.asr.transcription.engine import TranscriptionEngine
from services.asr.transcription.loading import load_engine
from services.asr.transcription.whisper import WhisperEngine
from services.common.bus import MemoryBus
from services.common.tokens import issue
from services.common.utterances import UTTERANCE_EVENTS, UTTERANCES_PATTERN, TurnOver, UtteranceEvent
from tests.gateway.peers import SECRET, Gateway, Peer, build, environment, until
from tests.microphone import Microphone, Sound
from tests.voices import say, silence

QUESTION = "What are the opening hours on Sunday?"
NOWHERE = "http://127.0.0.1:1"


class Bus(MemoryBus):
    """In memory; while it is `away` nothing gets through, and what did not is `missed`."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.missed: list[BaseModel] = []

    async def publish(self, channel: str, message: BaseModel) -> bool:
        if self.away:
            self.missed.append(message)
            return False
        return await super().publish(channel, message)

    async def ping(self) -> bool:
        return not self.away


@dataclass
class Asr:
    """The running service. `heard`: all that it published."""

    http: httpx.AsyncClient
    bus: Bus
    gateway_url: str
    heard: list[UtteranceEvent] = field(default_factory=list)

    async def listen(self, session: str = "s1", **fields: Any) -> httpx.Response:
        body = {"session": session, "listen_url": f"{self.gateway_url}/whep/{session}"}
        body |= {"token": issue(SECRET, session, "asr")}
        return await self.http.post("/v1/sessions", json=body | fields)

    async def state(self, session: str = "s1") -> str | None:
        sessions = (await self.http.get("/v1/sessions")).json()["sessions"]
        return next((s["state"] for s in sessions if s["session"] == session), None)

    async def reaches(self, state: str | None, session: str = "s1") -> None:
        async def there() -> bool:
            return await self.state(session) == state

        await until(there)

    def kinds(self) -> list[str]:
        return [message.type for message in self.heard if message.type != "partial"]


@contextlib.asynccontextmanager
async def running(
    gateway_url: str,
    load: Callable[[AsrSettings], TranscriptionEngine | None] = load_engine,
    new_voice_detector: Callable[[], VoiceDetector] = SileroVoiceDetector,
    **settings: Any,
) -> AsyncIterator[Asr]:
    bus = Bus()
    app = create_app(AsrSettings(**settings), load=load, new_voice_detector=new_voice_detector, bus=bus)
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://asr") as http:
        asr = Asr(http, bus, gateway_url)

        async def collect() -> None:
            async for _, text in bus.subscribe(UTTERANCES_PATTERN):
                asr.heard.append(UTTERANCE_EVENTS.validate_json(text))

        collecting = asyncio.create_task(collect())
        try:
            yield asr
        finally:
            collecting.cancel()


class Talker:
    """A person with a microphone in a session."""

    def __init__(self, gateway: Gateway, room: Sound | None = None) -> None:
        self.peer = Peer(gateway)
        dice = np.random.default_rng(0)
        quiet = np.asarray(dice.normal(0, 3e-4, 16_000), np.float32)
        self.microphone = Microphone(quiet if room is None else room)

    async def join(self, session: str = "s1") -> "Talker":
        self.peer.send(self.microphone)
        await self.peer.join("/session", session, "talker")
        return self

    async def close(self) -> None:
        await self.peer.close()


async def ask(asr: Asr, talker: Talker) -> TurnOver:
    """The question, said aloud; its end."""
    before = len(asr.heard)
    talker.microphone.play(np.concatenate([silence(800), say(QUESTION)]))
    await until(lambda: any(isinstance(message, TurnOver) for message in asr.heard[before:]))
    over = asr.heard[-1]
    assert isinstance(over, TurnOver)
    return over


@pytest.fixture(scope="session")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("gateway"))


@pytest.fixture
def gateway_env() -> dict[str, str]:
    return environment()


@pytest.fixture
async def gateway(binary: Path, gateway_env: dict[str, str]) -> AsyncIterator[Gateway]:
    async with Gateway.running(binary, gateway_env) as running_gateway:
        yield running_gateway


class Kept:
    """An engine that outlives the services that it is lent to."""

    def __init__(self, engine: TranscriptionEngine) -> None:
        self.name, self.transcribe = engine.name, engine.transcribe

    def close(self) -> None: ...


@pytest.fixture(scope="session")
def whisper() -> Kept:
    return Kept(WhisperEngine("tiny.en", "en", threads=1))


@pytest.fixture
async def asr(gateway: Gateway, whisper: Kept) -> AsyncIterator[Asr]:
    async with running(str(gateway.http.base_url), load=lambda _: whisper) as service:
        yield service
