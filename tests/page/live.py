"""A session of the stand-in: its connections, and the turn that it speaks."""

import asyncio
import math
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiortc import RTCPeerConnection
from fastapi import WebSocket, WebSocketDisconnect

from services.common.messages import (
    AnswerDelta,
    Caption,
    Citation,
    Event,
    Interrupted,
    Metrics,
    Playback,
    SessionState,
    State,
)

STYLES = ["studio", "dusk", "morning"]
WORD_MS = 130
HOLDS_S = 0.4  # a voice that lasts so long interrupts

SOURCES = [
    (
        "product/overview.md",
        "What it is",
        "A person asks by voice or keyboard and the face answers aloud from the user's own documents.",
    ),
    (
        "product/interrupting.md",
        "Interrupting",
        "Speaking, Esc or the stop button silence the voice within a tenth of a second.",
    ),
]
LATENCY = {
    "rag_retrieval_latency": 9.0,
    "llm_ttft": 14.0,
    "llm_ttfs": 21.0,
    "tts_ttfb": 118.0,
    "tts_ttfa": 126.0,
    "render_ttff": 188.0,
    "e2e_latency": 203.0,
    "av_skew_ms": 7.0,
    "final_fps": 15.0,
    "buffer_ms": 0.0,
    "underruns_total": 0,
}


@dataclass
class Live:
    """One session: its peers, its control channels, the turn that is spoken."""

    id: str
    token: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    peers: list[RTCPeerConnection] = field(default_factory=list)
    sockets: list[WebSocket] = field(default_factory=list)
    ears: list[asyncio.Task[None]] = field(default_factory=list)
    microphone_frames: int = 0
    style: str = STYLES[0]
    state: SessionState = "listening"
    turn: int = 0
    speech: asyncio.Task[None] | None = None
    spoken: list[str] = field(default_factory=list)
    voice_from: float | None = None
    heard_here: bool = False  # asr listens to it
    moves: asyncio.Event = field(default_factory=asyncio.Event)
    holding: asyncio.TimerHandle | None = None

    def __post_init__(self) -> None:
        self.moves.set()

    def loudness(self) -> float:
        """Syllables, four a second, while the turn is spoken."""
        if self.voice_from is None or not self.moves.is_set():
            return 0.0
        return 0.25 + 0.75 * abs(math.sin((time.monotonic() - self.voice_from) * math.pi * 4))

    async def reply(self, answer: str) -> None:
        """A new turn, in the place of what is spoken."""
        await self.interrupt()
        self.turn += 1
        self.spoken = []
        self.speech = asyncio.create_task(self._speak(answer, self.turn))

    async def _speak(self, answer: str, turn: int) -> None:
        of: dict[str, Any] = {"session": self.id, "turn": turn}
        await self.become("thinking")
        words = answer.split()
        for start in range(0, len(words), 6):
            await self.emit(AnswerDelta(**of, text=" ".join(words[start : start + 6]) + " "))
        await asyncio.sleep(0.2)
        self.voice_from = time.monotonic()
        await self.emit(Playback(**of, t=0, phase="started"))
        await self.become("speaking")
        sentence = 0
        for i, word in enumerate(words):
            t0 = i * WORD_MS
            await asyncio.sleep(max(0.0, self.voice_from + t0 / 1000 - time.monotonic()))
            if sentence < len(SOURCES) and (i == 0 or words[i - 1].endswith(".")):
                source, title, quote = SOURCES[sentence]
                sentence += 1
                await self.emit(Citation(**of, source=source, title=title, quote=quote, t=t0))
            if not self.moves.is_set():
                stopped = time.monotonic()
                await self.moves.wait()
                self.voice_from += time.monotonic() - stopped
            self.spoken.append(word)
            await self.emit(Caption(**of, word=word, t0=t0, t1=t0 + WORD_MS))
        await asyncio.sleep(WORD_MS / 1000)
        self.voice_from = None
        await self.emit(Playback(**of, t=len(words) * WORD_MS, phase="finished"))
        await self.emit(Metrics.model_validate(of | LATENCY))
        self.speech = None
        await self.become("listening")

    async def pause(self) -> None:
        if self.speech is None or self.state != "speaking":
            return
        self.moves.clear()
        await self.become("paused")
        loop = asyncio.get_running_loop()
        self.holding = loop.call_later(HOLDS_S, lambda: asyncio.ensure_future(self.interrupt()))

    async def resume(self) -> None:
        if self.state != "paused":
            return
        self._go_on()
        await self.become("speaking")

    def _go_on(self) -> None:
        self.moves.set()
        if self.holding:
            self.holding.cancel()
            self.holding = None

    async def interrupt(self) -> None:
        if self.speech is None:
            return
        self.silence()
        await self.emit(Interrupted(session=self.id, turn=self.turn, heard_text=" ".join(self.spoken)))
        await self.become("listening")

    def silence(self) -> None:
        self._go_on()
        self.voice_from = None
        if self.speech:
            self.speech.cancel()
            self.speech = None

    async def become(self, state: SessionState) -> None:
        self.state = state
        await self.emit(self.report())

    def report(self) -> State:
        return State(session=self.id, turn=self.turn, state=self.state, ears=self.heard_here)

    async def emit(self, event: Event) -> None:
        """To whoever follows the session."""
        text = event.model_dump_json(exclude_none=True)
        for socket in list(self.sockets):
            with suppress(RuntimeError, WebSocketDisconnect):  # it closes this moment
                await socket.send_text(text)
