"""The services behind the orchestrator, small and honest: HTTP servers that speak the contract, timed by the test."""

import asyncio
import base64
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Annotated, Any

from fastapi import Header, Request
from fastapi.responses import StreamingResponse

from services.common import tokens
from services.common.answering import AnswerEvent, Delta, Done, Passage, Question, Retrieval
from services.common.errors import Problem
from services.common.speech import Chunk, Speech, VisemeAt, Word
from tests.orchestrator.serving import Fake

SR = 16000
WORD_MS = 200
OFFER = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
ANSWER = "v=0\r\no=- 2 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"

PASSAGE = Passage(id="p1", source="product/voice.md", title="Voice", score=0.9, quote="The voice is cloned.")

Script = Callable[[Question], AsyncGenerator[AnswerEvent]]


def says(text: str, *, pieces: int = 7) -> Script:
    """The whole text, a few characters at a time, resting on one passage."""

    async def script(_: Question) -> AsyncGenerator[AnswerEvent]:
        yield Retrieval(passages=[PASSAGE], ms=1.0)
        for start in range(0, len(text), pieces):
            yield Delta(text=text[start : start + pieces], citations=["p1"])
        yield Done()

    return script


class FakeRag(Fake):
    """Answers by a script; `closed` counts the answers that were hung up on."""

    def __init__(self) -> None:
        super().__init__()
        self.script: Script = says("One two three four. Five six seven eight nine ten.")
        self.questions: list[Question] = []
        self.media_type = "text/event-stream"
        self.closed = 0

        @self.app.post("/v1/answer")
        async def answer(question: Question) -> StreamingResponse:
            self.questions.append(question)
            return StreamingResponse(self._stream(question), media_type=self.media_type)

    async def _stream(self, question: Question) -> AsyncIterator[str]:
        try:
            async for event in self.script(question):
                yield f"event: {event.type}\ndata: {event.model_dump_json(exclude={'type'})}\n\n"
        except asyncio.CancelledError:
            self.closed += 1
            raise


class FakeTts(Fake):
    """200 ms of sound a word."""

    def __init__(self) -> None:
        super().__init__()
        self.spoken: list[tuple[int, str]] = []
        self.voices_used: list[str | None] = []
        self.voice_tokens: list[str | None] = []
        self.gate: Callable[[str], Awaitable[None]] | None = None
        self.failing: int | None = None

        @self.app.post("/v1/speak")
        async def speak(body: dict[str, Any]) -> StreamingResponse:
            if self.failing:
                raise Problem(self.failing, "text: this cannot be said.")
            self.spoken.append((body["turn"], body["text"]))
            self.voices_used.append(body.get("voice"))
            self.voice_tokens.append(body.get("voice_token"))
            if self.gate:
                await self.gate(body["text"])
            return StreamingResponse(self._stream(body), media_type="application/x-ndjson")

        @self.app.get("/v1/voices")
        async def voices(authorization: Annotated[str | None, Header()] = None) -> list[dict[str, str]]:
            own = [{"name": "anna"}] if authorization == "Bearer annas" else []
            return [{"name": "joe"}, {"name": "ada"}, *own]

    async def _stream(self, body: dict[str, Any]) -> AsyncIterator[str]:
        pcm = base64.b64encode(b"\1\0" * (SR * WORD_MS // 1000)).decode()
        words = body["text"].split()
        for n, text in enumerate(words):
            t0, t1 = n * WORD_MS, (n + 1) * WORD_MS
            speech = Speech(
                session=body["session"],
                turn=body["turn"],
                sr=SR,
                chunks=[Chunk(t0=t0, t1=t1, pcm_b64=pcm)],
                visemes=[VisemeAt(t=t0, v="AA")],
                words=[Word(t0=t0, t1=t1, text=text)],
                final=n == len(words) - 1,
            )
            yield speech.model_dump_json() + "\n"


class FakeGateway(Fake):
    """Answers every offer but one that says `bad`; `viewers` is the test's to set."""

    def __init__(self, secret: str) -> None:
        super().__init__()
        self.viewers: dict[str, int] = {}
        self.closed: list[str] = []
        app = self.app

        def grant(request: Request, session: str) -> tokens.Grant:
            found = tokens.verify(secret, request.headers.get("Authorization", "").removeprefix("Bearer "))
            if found.session not in (session, tokens.ANY_SESSION):
                raise Problem(403, "The token is for another session.")
            return found

        @app.post("/session/{session}", status_code=201)
        async def join(session: str, request: Request) -> dict[str, str]:
            assert grant(request, session).role == "orchestrator"
            if "bad" in (await request.json())["sdp"]:
                raise Problem(422, "sdp: there is no usable media in it.")
            self.viewers[session] = self.viewers.get(session, 0) + 1
            return {"sdp": ANSWER, "type": "answer"}

        @app.get("/sessions")
        async def rooms(request: Request) -> dict[str, Any]:
            assert grant(request, "*").role == "orchestrator"
            return {"sessions": [{"session": s, "viewers": n, "publishing": True} for s, n in self.viewers.items()]}

        @app.delete("/session/{session}", status_code=204)
        async def close(session: str, request: Request) -> None:
            assert grant(request, session).role == "orchestrator"
            self.viewers.pop(session, None)
            self.closed.append(session)


class FakeAsr(Fake):
    """Listens where it is told to; what it hears is the test's to say, on the bus."""

    def __init__(self) -> None:
        super().__init__()
        self.listens: dict[str, dict[str, Any]] = {}
        self.left: list[str] = []
        self.spoken: list[tuple[str, int, str]] = []
        self.full = False
        self.refused = 0
        app = self.app

        @app.post("/v1/sessions", status_code=201)
        async def listen(body: dict[str, Any]) -> dict[str, str]:
            if self.full:
                self.refused += 1
                raise Problem(503, "All places are taken.")
            self.listens[body["session"]] = body
            return {"session": body["session"], "state": "connecting"}

        @app.delete("/v1/sessions/{session}", status_code=204)
        async def leave(session: str) -> None:
            del self.listens[session]
            self.left.append(session)

        @app.post("/v1/sessions/{session}/spoken", status_code=204)
        async def spoken(session: str, body: dict[str, Any]) -> None:
            self.spoken.append((session, body["turn"], body["text"]))


class Timers:
    """Timers that go off when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[_Timer] = []

    def after(self, delay_s: float, call: Callable[[], None]) -> "_Timer":
        timer = _Timer(self, delay_s, call)
        self.waiting.append(timer)
        return timer

    def go_off(self) -> None:
        """All that wait."""
        waiting, self.waiting = self.waiting, []
        for timer in waiting:
            timer.call()


class _Timer:
    def __init__(self, timers: Timers, delay_s: float, call: Callable[[], None]) -> None:
        self.timers, self.delay_s, self.call = timers, delay_s, call

    def cancel(self) -> None:
        if self in self.timers.waiting:
            self.timers.waiting.remove(self)
