"""The services behind the orchestrator, as it sees them: one class a service, one method a call."""

import json
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
from pydantic import BaseModel, TypeAdapter

from services.common.answering import ANSWER_EVENTS, AnswerEvent, Question
from services.common.messages import EVENTS, Event
from services.common.speech import Speech
from services.orchestrator_api.lib.contracts import Styles
from services.orchestrator_api.lib.service import CALL_S, CHECK_S, CONNECT_S, Service, server_sent

WRITING_S = 30.0  # a language model may take its time before the first word
SOUND_S = 15.0
FACE_S = 30.0  # a new avatar is drawn and published before the renderer answers
CANCEL_S = 0.5  # a renderer that does not fall silent in this time is taken at its last word


class Face(BaseModel):
    """What the renderer needs to put an avatar on the air: where to publish, and as whom."""

    session: str
    publish_url: str
    token: str
    avatar: str | None = None
    style: str | None = None


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice that was asked for, with the token of its owner where it is a cloned one."""

    name: str
    token: str | None = field(default=None, repr=False)


class _Utterance(BaseModel):
    session: str
    turn: int
    text: str
    voice: str | None
    voice_token: str | None


class _FaceSeen(BaseModel):
    session: str
    turn: int = 0
    style: str | None = None


class _Faces(BaseModel):
    sessions: list[_FaceSeen]


class _Voice(BaseModel):
    name: str


class _Buffered(BaseModel):
    buffered_ms: float


class _Heard(BaseModel):
    heard_ms: float


class _Style(BaseModel):
    style: str


class _Sdp(BaseModel):
    sdp: str


class _Room(BaseModel):
    session: str
    viewers: int


class _Rooms(BaseModel):
    sessions: list[_Room]


_FIELDS = TypeAdapter(dict[str, Any])
_SPEECH = TypeAdapter(Speech)
_FACE = TypeAdapter(_FaceSeen)
_FACES = TypeAdapter(_Faces)
_VOICES = TypeAdapter(list[_Voice])
_BUFFERED = TypeAdapter(_Buffered)
_HEARD = TypeAdapter(_Heard)
_STYLE = TypeAdapter(_Style)
_STYLES = TypeAdapter(Styles)
_SDP = TypeAdapter(_Sdp)
_ROOMS = TypeAdapter(_Rooms)


class Rag(Service):
    """rag-llm: answers from the documents."""

    def __init__(self, address: str) -> None:
        super().__init__("rag-llm", address, timeout_s=WRITING_S)

    async def answer(self, question: Question) -> AsyncGenerator[AnswerEvent]:
        """The answer as it is written. Closing the iterator stops the model."""
        async with self.lines("POST", "/v1/answer", body=question) as lines:
            async for name, data in server_sent(lines):
                fields = self.parsed(_FIELDS, data)
                yield self.parsed(ANSWER_EVENTS, json.dumps(fields | {"type": name}))


class Tts(Service):
    """tts: text in; sound, mouth shapes and word times out."""

    def __init__(self, address: str) -> None:
        super().__init__("tts", address, timeout_s=SOUND_S)

    async def speak(self, session: str, turn: int, text: str, voice: Voice | None) -> AsyncGenerator[Speech]:
        """One clause's speech, its times from 0. Closing the iterator stops the synthesis."""
        name, token = (voice.name, voice.token) if voice else (None, None)
        body = _Utterance(session=session, turn=turn, text=text, voice=name, voice_token=token)
        async with self.lines("POST", "/v1/speak", body=body) as lines:
            async for line in lines:
                if line.strip():
                    yield self.parsed(_SPEECH, line)

    async def voices(self, token: str | None) -> list[str]:
        """The voices there are, with the cloned one that the token opens."""
        answer = await self.call("GET", "/v1/voices", token=token)
        return [voice.name for voice in self.parsed(_VOICES, answer.content)]


class Renderer(Service):
    """renderer: the avatar's face, and the clock of what is heard."""

    def __init__(self, address: str) -> None:
        super().__init__("renderer", address)

    async def open(self, face: Face) -> str | None:
        """The avatar is on the air when this returns; one that already is stays. The style that it has."""
        answer = await self.call("POST", "/v1/sessions", body=face, timeout_s=FACE_S)
        return self.parsed(_FACE, answer.content).style

    async def sessions(self) -> dict[str, int]:
        """Who is on the air, and the last turn each knows of."""
        answer = await self.call("GET", "/v1/sessions")
        return {face.session: face.turn for face in self.parsed(_FACES, answer.content).sessions}

    async def events(self, session: str) -> AsyncGenerator[Event]:
        """What is heard, when it is heard, until the connection ends."""
        without_end = httpx.Timeout(CALL_S, connect=CONNECT_S, read=None)
        async with self.lines("GET", f"/v1/sessions/{session}/events", patience=without_end) as lines:
            async for line in lines:
                if line.strip():
                    yield self.parsed(EVENTS, line)

    async def play(self, speech: Speech) -> float:
        """How much speech now waits to be heard, ms. Status 429: too much, it was not taken."""
        answer = await self.call("POST", f"/v1/sessions/{speech.session}/speech", body=speech)
        return self.parsed(_BUFFERED, answer.content).buffered_ms

    async def cancel(self, session: str, turn: int) -> float:
        """Silence, now. How much of the turn was heard, ms."""
        answer = await self.call("POST", f"/v1/sessions/{session}/cancel", body={"turn": turn}, timeout_s=CANCEL_S)
        return self.parsed(_HEARD, answer.content).heard_ms

    async def pause(self, session: str, turn: int) -> float:
        """The turn stands still, silent. How much of it was heard, ms."""
        answer = await self.call("POST", f"/v1/sessions/{session}/pause", body={"turn": turn}, timeout_s=CANCEL_S)
        return self.parsed(_HEARD, answer.content).heard_ms

    async def resume(self, session: str, turn: int) -> None:
        """The turn goes on where it stands."""
        await self.call("POST", f"/v1/sessions/{session}/resume", body={"turn": turn}, timeout_s=CANCEL_S)

    async def restyle(self, session: str, style: str) -> str:
        """The preset now in force."""
        answer = await self.call("POST", f"/v1/sessions/{session}/style", body={"style": style})
        return self.parsed(_STYLE, answer.content).style

    async def styles(self) -> Styles:
        answer = await self.call("GET", "/v1/styles")
        return self.parsed(_STYLES, answer.content)

    async def close_session(self, session: str) -> None:
        await self.call("DELETE", f"/v1/sessions/{session}")


class Gateway(Service):
    """sfu-gateway: where the browsers' media goes."""

    def __init__(self, address: str) -> None:
        super().__init__("sfu-gateway", address)

    async def join(self, session: str, sdp: str, token: str) -> str:
        """The answer to a browser's offer."""
        answer = await self.call("POST", f"/session/{session}", body={"sdp": sdp}, token=token, timeout_s=FACE_S)
        return self.parsed(_SDP, answer.content).sdp

    async def viewers(self, token: str) -> dict[str, int]:
        """How many watch each session."""
        answer = await self.call("GET", "/sessions", token=token, timeout_s=CHECK_S)
        return {room.session: room.viewers for room in self.parsed(_ROOMS, answer.content).sessions}

    async def close_session(self, session: str, token: str) -> None:
        await self.call("DELETE", f"/session/{session}", token=token)


class Asr(Service):
    """asr: ears at a session's microphone. What they hear comes by the bus."""

    def __init__(self, address: str) -> None:
        super().__init__("asr", address)

    async def listen(self, session: str, listen_url: str, token: str) -> None:
        """Ears on; they may have been on."""
        body = {"session": session, "listen_url": listen_url, "token": token}
        await self.call("POST", "/v1/sessions", body=body)

    async def leave(self, session: str) -> None:
        await self.call("DELETE", f"/v1/sessions/{session}")

    async def spoken(self, session: str, turn: int, text: str) -> None:
        """What the avatar is saying, so that its echo is known; blank once it is silent."""
        body = {"turn": turn, "text": text}
        await self.call("POST", f"/v1/sessions/{session}/spoken", body=body, timeout_s=CHECK_S)


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that a session cannot do without."""

    rag: Rag
    tts: Tts
    renderer: Renderer
    gateway: Gateway

    def __iter__(self) -> Iterator[Service]:
        return iter((self.rag, self.tts, self.renderer, self.gateway))
