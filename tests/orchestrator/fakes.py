"""The services behind the orchestrator, small and honest: HTTP servers that speak the contract, timed by the test."""

import asyncio
import base64
import contextlib
import inspect
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI, Header, Request, Response
from fastapi.responses import StreamingResponse

from services.common import tokens
from services.common.answering import AnswerEvent, Delta, Done, Passage, Question, Retrieval
from services.common.errors import Problem, install_problem_handlers
from services.common.messages import Caption, Event, Metrics, Playback
from services.common.speech import Chunk, Speech, VisemeAt, Word

SR = 16000
WORD_MS = 200
OFFER = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
ANSWER = "v=0\r\no=- 2 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
DEADLINE_S = 10.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def until(true: Callable[[], object]) -> None:
    """Wait until it holds; it may have to be awaited."""
    async with asyncio.timeout(DEADLINE_S):
        # What a test looks at has no event of its own to wait for.
        while not (await seen if inspect.isawaitable(seen := true()) else seen):  # noqa: ASYNC110
            await asyncio.sleep(0.005)


class _Uvicorn(uvicorn.Server):
    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]
        return contextlib.nullcontext()  # the test runner's signals stay its own


class Server:
    """An app on a port of its own; it can be stopped and started again there."""

    def __init__(self, app: FastAPI, port: int | None = None) -> None:
        self.app, self.port = app, port or free_port()
        self._server: _Uvicorn | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        config = uvicorn.Config(self.app, port=self.port, log_config=None, timeout_graceful_shutdown=0)
        server = self._server = _Uvicorn(config)
        self._task = asyncio.create_task(server.serve())
        await until(lambda: server.started)

    async def stop(self) -> None:
        """Every connection is cut."""
        if self._server and self._task:
            self._server.should_exit = True
            await asyncio.wait([self._task])
            self._server = self._task = None


class Fake:
    """What all of them have: an app, a server, and a switch that makes them not ready."""

    def __init__(self) -> None:
        self.app = FastAPI()
        install_problem_handlers(self.app)
        self.server = Server(self.app)
        self.not_ready: str | None = None

        @self.app.get("/readyz")
        async def readyz() -> dict[str, str]:
            if self.not_ready:
                raise Problem(503, self.not_ready)
            return {}


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
        self.closed = 0

        @self.app.post("/v1/answer")
        async def answer(question: Question) -> StreamingResponse:
            self.questions.append(question)
            return StreamingResponse(self._stream(question), media_type="text/event-stream")

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


class Face:
    """One avatar on the air. `hear` plays on; with `by_itself` everything is heard as it comes."""

    def __init__(self, session: str, opened: dict[str, Any], by_itself: bool) -> None:
        self.session, self.opened, self.by_itself = session, opened, by_itself
        self.style = opened.get("style") or "studio"
        self.turn = self.cancelled = self.paused = 0
        self.speech: list[Speech] = []
        self.ended = False
        self.heard_ms = 0
        self.feed: asyncio.Queue[Event | None] = asyncio.Queue()

    @property
    def end_ms(self) -> int:
        return max((speech.t1 for speech in self.speech), default=0)

    @property
    def words(self) -> list[Word]:
        return [word for speech in self.speech for word in speech.words]

    def take(self, speech: Speech) -> None:
        assert speech.turn
        if speech.turn <= self.cancelled:
            return
        if speech.turn != self.turn:
            self.turn, self.speech, self.heard_ms, self.ended = speech.turn, [], 0, False
        if self.ended:
            raise Problem(409, "The turn has ended.")
        if speech.chunks and speech.t0 != self.end_ms:
            raise Problem(409, f"A gap: {self.end_ms} ms, then {speech.t0} ms.")
        self.speech.append(speech)
        self.ended = speech.final
        if self.by_itself:
            self.hear(self.end_ms)

    def hear(self, until_ms: int) -> None:
        """Play up to here, and tell of it as the contract says; nothing while it is paused."""
        until_ms = min(until_ms, self.end_ms) if self.turn > self.paused else self.heard_ms
        playback = partial(Playback, session=self.session, turn=self.turn)
        caption = partial(Caption, session=self.session, turn=self.turn)
        numbers = partial(Metrics, session=self.session, turn=self.turn)
        if self.heard_ms == 0 and until_ms > 0:
            self.feed.put_nowait(playback(t=0, phase="started"))
        for word in self.words:
            if self.heard_ms <= word.t0 < until_ms:
                self.feed.put_nowait(caption(word=word.text, t0=word.t0, t1=word.t1))
        if until_ms > self.heard_ms:
            self.feed.put_nowait(playback(t=until_ms))
        self.heard_ms = until_ms
        if self.ended and self.heard_ms == self.end_ms:
            self.feed.put_nowait(playback(t=self.heard_ms, phase="finished"))
            self.feed.put_nowait(numbers(render_ttff=20, final_fps=15, av_skew_ms=3, underruns_total=0))


class FakeRenderer(Fake):
    """Faces that play when told to, or by themselves."""

    STYLES = ("studio", "night")

    def __init__(self) -> None:
        super().__init__()
        self.by_itself = True
        self.capacity = 8
        self.buffer_ms = 2500
        self.faces: dict[str, Face] = {}
        self.cancels: list[tuple[str, int]] = []
        self.holds: list[tuple[str, int]] = []  # ("pause" or "resume", turn)
        self.knows_pause = True
        self.refusals = 0
        app = self.app

        @app.post("/v1/sessions", status_code=201)
        async def open_face(body: dict[str, Any], response: Response) -> dict[str, str]:
            session = body["session"]
            if body.get("style", "studio") not in self.STYLES:
                raise Problem(422, "style: there is no such style.")
            if session in self.faces:
                response.status_code = 200
            elif len(self.faces) >= self.capacity:
                raise Problem(503, "All places of this renderer are taken.", headers={"Retry-After": "5"})
            else:
                self.faces[session] = Face(session, body, self.by_itself)
            return {"session": session, "style": self.faces[session].style}

        @app.get("/v1/sessions")
        async def list_faces() -> dict[str, Any]:
            return {"sessions": [{"session": id, "turn": face.turn} for id, face in self.faces.items()]}

        @app.delete("/v1/sessions/{session}", status_code=204)
        async def close_face(session: str) -> None:
            self._face(session).feed.put_nowait(None)
            del self.faces[session]

        @app.get("/v1/sessions/{session}/events")
        async def events(session: str) -> StreamingResponse:
            return StreamingResponse(self._events(self._face(session)), media_type="application/x-ndjson")

        @app.post("/v1/sessions/{session}/speech")
        async def speech(session: str, speech: Speech) -> dict[str, int]:
            face = self._face(session)
            waiting = face.end_ms - face.heard_ms if face.turn == speech.turn else 0
            if waiting + speech.t1 - speech.t0 > self.buffer_ms:
                self.refusals += 1
                raise Problem(429, "The buffer is full.", headers={"Retry-After": "1"})
            face.take(speech)
            return {"buffered_ms": face.end_ms - face.heard_ms}

        @app.post("/v1/sessions/{session}/cancel")
        async def cancel(session: str, body: dict[str, int]) -> dict[str, int]:
            self.cancels.append((session, body["turn"]))
            face = self._face(session)
            face.cancelled = max(face.cancelled, body["turn"])
            return {"heard_ms": face.heard_ms if face.turn == body["turn"] else 0}

        @app.post("/v1/sessions/{session}/pause")
        async def pause(session: str, body: dict[str, int]) -> dict[str, int]:
            return self._hold("pause", session, body["turn"])

        @app.post("/v1/sessions/{session}/resume")
        async def resume(session: str, body: dict[str, int]) -> dict[str, int]:
            return self._hold("resume", session, body["turn"])

        @app.post("/v1/sessions/{session}/style")
        async def style(session: str, body: dict[str, str]) -> dict[str, str]:
            if body["style"] not in self.STYLES:
                raise Problem(422, f"style: there is no {body['style']!r}; choose one of studio, night.")
            self._face(session).style = body["style"]
            return {"style": body["style"]}

        @app.get("/v1/styles")
        async def styles() -> dict[str, Any]:
            return {"styles": self.STYLES, "style": "studio"}

    def _face(self, session: str) -> Face:
        if session not in self.faces:
            raise Problem(404, f"{session} is not on the air here.")
        return self.faces[session]

    def _hold(self, what: str, session: str, turn: int) -> dict[str, int]:
        if not self.knows_pause:
            raise Problem(404, "There is nothing here.")
        self.holds.append((what, turn))
        face = self._face(session)
        face.paused = turn if what == "pause" else 0
        if what == "resume" and face.by_itself:
            face.hear(face.end_ms)
        return {"heard_ms": face.heard_ms if face.turn == turn else 0}

    async def _events(self, face: Face) -> AsyncIterator[str]:
        while (event := await face.feed.get()) is not None:
            yield event.model_dump_json() + "\n"


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
