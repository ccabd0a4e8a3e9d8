"""A real tts service on a free port, with its real engines; the bus is in memory."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import numpy as np
import pytest
import uvicorn
from numpy.typing import NDArray

from services.common.bus import MemoryBus
from services.common.messages import Cancel, control_channel
from services.common.speech import Speech
from services.tts.server import create_app
from services.tts.settings import TtsSettings

QUICK = "espeak-en-us"


@dataclass
class Tts:
    """The running service, and what a caller does with it."""

    url: str
    loop: asyncio.AbstractEventLoop
    bus: MemoryBus
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30))

    def post(self, **body: object) -> httpx.Response:
        return self.client.post(f"{self.url}/v1/speak", json={"session": "s", "turn": 1, **body})

    def say(self, text: str, **body: object) -> list[Speech]:
        response = self.post(text=text, **body)
        assert response.status_code == 200, response.text
        return [Speech.model_validate_json(line) for line in response.text.splitlines()]

    def cancel(self, session: str, turn: int) -> None:
        """Returns when the message is on its way to everyone who listens."""
        publishing = self.bus.publish(control_channel(session), Cancel(session=session, turn=turn))
        assert asyncio.run_coroutine_threadsafe(publishing, self.loop).result(5)

    def speaking(self) -> int:
        """How many utterances are being made now, as the service's own metric says."""
        lines = self.client.get(f"{self.url}/metrics").text.splitlines()
        return int(float(next(line for line in lines if line.startswith("tts_speaking ")).split()[1]))


@contextmanager
def serving(settings: TtsSettings) -> Iterator[Tts]:
    """The service with these settings, until the block ends."""
    bus = MemoryBus()
    app = create_app(settings, bus)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None))
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        await server.serve()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    until(lambda: server.started, 30)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Tts(f"http://127.0.0.1:{port}", loops[0], bus)
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="session")
def tts() -> Iterator[Tts]:
    with serving(TtsSettings(tts_engine="piper", tts_voice="joe")) as service:
        yield service


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for it; fails when it does not come to pass."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.01)


def sound_of(messages: list[Speech]) -> NDArray[np.int16]:
    """The whole utterance's samples."""
    return np.frombuffer(b"".join(chunk.pcm() for m in messages for chunk in m.chunks), np.int16)


def written(messages: list[Speech]) -> str:
    return " ".join(word.text for m in messages for word in m.words)
