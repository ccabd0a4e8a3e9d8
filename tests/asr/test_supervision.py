"""What breaks is told: kept work takes the service down in order, a session's fault ends that session alone."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest

from services.asr import server
from services.asr.audio.sound import RATE, Sound
from services.asr.audio.vad import VoiceActivity
from services.asr.sessions import transcriber
from services.asr.sessions.subscription import OnPacket
from services.asr.transcription.engine import Transcription
from services.asr.transcription.queue import TranscriptionQueue
from services.common.background import Background
from services.common.utterances import ListeningEnded, SpeechStarted
from services.common.whip import Target
from tests.asr.conftest import NOWHERE, Asr, running
from tests.asr.wire import Encoder, SameWords
from tests.gateway.peers import until

KEPT = {
    "transcription": (TranscriptionQueue, "run"),
    "control": (server, "follow_control"),
    "heartbeat": (server, "beat"),
}
"""The work that the service keeps, and where a test can break it."""


async def out_of_order(*_: object, **__: object) -> None:
    raise RuntimeError("out of order")


async def told(asr: Asr) -> str:
    """What `/readyz` says once it is a 503."""
    answers: list[httpx.Response] = []

    async def unready() -> bool:
        answers.append(await asr.http.get("/readyz"))
        return answers[-1].status_code == 503

    await until(unready)
    return str(answers[-1].json()["detail"])


async def test_all_kept_work_is_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is kept that the next test does not break."""
    names: list[str] = []
    keep = Background.keep

    def noted(self: Background, name: str, work: Any) -> None:
        names.append(name)
        keep(self, name, work)

    monkeypatch.setattr(Background, "keep", noted)
    async with running(NOWHERE, load=lambda _: SameWords("")):
        pass
    assert sorted(names) == sorted(KEPT)


@pytest.mark.parametrize("name", KEPT)
async def test_kept_work_that_fails_is_told_by_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`/readyz` is a 503 at once and says which work failed; the supervisor starts the service anew."""
    monkeypatch.setattr(*KEPT[name], out_of_order)
    async with running(NOWHERE, load=lambda _: SameWords("")) as asr:
        assert (await told(asr)).startswith(f"{name} failed (RuntimeError)")


class Broken:
    """An engine that fails in a way that nobody foresaw."""

    name = "broken"

    def transcribe(self, sound: Sound, *, final: bool) -> Transcription:
        raise RuntimeError("out of order")

    def close(self) -> None: ...


class Wordless:
    """An engine whose transcriptions break whoever reads them."""

    name = "wordless"

    def transcribe(self, sound: Sound, *, final: bool) -> Transcription:
        return Transcription(None)  # type: ignore[arg-type]

    def close(self) -> None: ...


class Voice:
    """Hears a voice in every frame; breaks after so many."""

    def __init__(self, frames: int = 1_000_000) -> None:
        self._frames = frames

    def detect(self, frame: Sound) -> VoiceActivity:
        self._frames -= 1
        if self._frames < 0:
            raise RuntimeError("out of order")
        return VoiceActivity(0.97, True)


class Wires:
    """Connections to a gateway that always lets asr listen; `send` brings a session's microphone to its pipeline."""

    def __init__(self) -> None:
        self.lost, self.closed = asyncio.Event(), 0
        self.broken = False
        self._microphones: dict[str, OnPacket] = {}

    async def subscribe(self, _: object, target: Target, *, microphone: OnPacket, reference: OnPacket) -> "Wires":
        if self.broken:
            raise RuntimeError("out of order")
        self._microphones[target.url.rsplit("/", 1)[-1]] = microphone
        return self

    async def close(self) -> None:
        self.closed += 1

    def send(self, session: str, ms: int) -> None:
        for packet in Encoder().packets(np.full(RATE * ms // 1000, 0.1, np.float32)):
            self._microphones[session](*packet)


@pytest.fixture
async def wires(monkeypatch: pytest.MonkeyPatch) -> Wires:
    wires = Wires()
    monkeypatch.setattr(transcriber, "subscribe", wires.subscribe)
    return wires


async def test_an_engine_that_breaks_ends_the_service(wires: Wires) -> None:
    """Not an EngineError but a bug: hearing does not end in silence for everybody."""
    async with running(NOWHERE, load=lambda _: Broken(), new_voice_detector=Voice) as asr:
        await asr.listen()
        await asr.reaches("listening")
        wires.send("s1", 1000)
        assert (await told(asr)).startswith("transcription failed (RuntimeError)")


@pytest.mark.parametrize("where", ["connection", "packet", "timer", "transcript"])
async def test_a_session_that_fails_ends_alone(where: str, wires: Wires, capsys: pytest.CaptureFixture[str]) -> None:
    """It is logged and told on the bus, the service stays ready, others are heard, and it can be opened again."""
    breaks_after = {"packet": 4, "timer": 32}.get(where, 1_000_000)
    voices: Iterator[Voice] = iter([Voice(), Voice(breaks_after), Voice()])
    engine = Wordless() if where == "transcript" else SameWords("What is it?")
    async with running(NOWHERE, load=lambda _: engine, new_voice_detector=lambda: next(voices)) as asr:
        await asr.listen("s2")
        await asr.reaches("listening", "s2")
        wires.broken = where == "connection"
        await asr.listen("s1")
        if where != "connection":
            await asr.reaches("listening", "s1")
            wires.send("s1", 1000)
        await asr.reaches(None, "s1")
        await until(lambda: any(isinstance(event, ListeningEnded) for event in asr.heard))
        assert [e.reason for e in asr.heard if isinstance(e, ListeningEnded)] == ["fault"]
        assert await asr.state("s2") == "listening"
        assert (await asr.http.get("/readyz")).status_code == 200
        logged = capsys.readouterr().out
        assert "transcriber of session s1" in logged
        assert "Error" in logged
        assert "session s2" not in logged

        wires.broken = False
        last = asr.heard[-1].utterance
        assert (await asr.listen("s1")).status_code == 201
        await asr.reaches("listening", "s1")
        wires.send("s1", 100)
        await until(lambda: isinstance(asr.heard[-1], SpeechStarted))
        assert asr.heard[-1].utterance > last, "the number of an utterance that was heard before is taken for old"
