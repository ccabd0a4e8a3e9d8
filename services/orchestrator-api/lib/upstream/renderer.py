"""renderer, as the orchestrator sees it."""

from collections.abc import AsyncGenerator

import httpx
from pydantic import BaseModel, TypeAdapter

from services.common.messages import EVENTS, Event
from services.common.speech import Speech
from services.orchestrator_api.lib.contracts import Styles
from services.orchestrator_api.lib.upstream.http import CALL_S, CONNECT_S, Service

OPENING_S = 30.0
"""A new avatar is drawn and published before the renderer answers."""

CANCEL_S = 0.5
"""A renderer that does not fall silent in this time is taken at its last word."""


class PutOnAir(BaseModel):
    """What the renderer needs to put an avatar on the air: where to publish, and with which token."""

    session: str
    publish_url: str
    token: str
    avatar: str | None = None
    style: str | None = None


class _OnAir(BaseModel):
    session: str
    turn: int = 0
    style: str | None = None


class _AllOnAir(BaseModel):
    sessions: list[_OnAir]


class _Buffered(BaseModel):
    buffered_ms: float


class _Heard(BaseModel):
    heard_ms: float


class _Style(BaseModel):
    style: str


_ON_AIR = TypeAdapter(_OnAir)
_ALL_ON_AIR = TypeAdapter(_AllOnAir)
_BUFFERED = TypeAdapter(_Buffered)
_HEARD = TypeAdapter(_Heard)
_STYLE = TypeAdapter(_Style)
_STYLES = TypeAdapter(Styles)


class Renderer(Service):
    """renderer: the avatar's picture, and the clock of what is heard."""

    def __init__(self, address: str) -> None:
        super().__init__("renderer", address)

    async def open(self, order: PutOnAir) -> str | None:
        """The avatar is on the air when this returns, anew or still. Returns its style."""
        answer = await self.call("POST", "/v1/sessions", body=order, timeout_s=OPENING_S)
        return self.parsed(_ON_AIR, answer.content).style

    async def sessions(self) -> dict[str, int]:
        """The sessions that are on the air, and the last turn that the renderer knows of each."""
        answer = await self.call("GET", "/v1/sessions")
        return {each.session: each.turn for each in self.parsed(_ALL_ON_AIR, answer.content).sessions}

    async def events(self, session: str) -> AsyncGenerator[Event]:
        """What is heard, when it is heard, until the connection ends."""
        without_end = httpx.Timeout(CALL_S, connect=CONNECT_S, read=None)
        async with self.stream("GET", f"/v1/sessions/{session}/events", patience=without_end) as answer:
            async for line in answer.aiter_lines():
                if line.strip():
                    yield self.parsed(EVENTS, line)

    async def play(self, speech: Speech) -> float:
        """How much speech now waits to be heard, ms. Raises `ServiceError` of status 429 where it does not fit."""
        answer = await self.call("POST", f"/v1/sessions/{speech.session}/speech", body=speech)
        return self.parsed(_BUFFERED, answer.content).buffered_ms

    async def cancel(self, session: str, turn: int) -> float:
        """Drop all speech up to this turn. How much of the turn was heard, ms."""
        answer = await self.call("POST", f"/v1/sessions/{session}/cancel", body={"turn": turn}, timeout_s=CANCEL_S)
        return self.parsed(_HEARD, answer.content).heard_ms

    async def pause(self, session: str, turn: int) -> float:
        """Keep the turn where it stands, silent. How much of it was heard, ms."""
        answer = await self.call("POST", f"/v1/sessions/{session}/pause", body={"turn": turn}, timeout_s=CANCEL_S)
        return self.parsed(_HEARD, answer.content).heard_ms

    async def resume(self, session: str, turn: int) -> None:
        """Play on from where the turn was paused."""
        await self.call("POST", f"/v1/sessions/{session}/resume", body={"turn": turn}, timeout_s=CANCEL_S)

    async def restyle(self, session: str, style: str) -> str:
        """The preset now in force."""
        answer = await self.call("POST", f"/v1/sessions/{session}/style", body={"style": style})
        return self.parsed(_STYLE, answer.content).style

    async def styles(self) -> Styles:
        """The presets there are, and the one that was baked at start."""
        answer = await self.call("GET", "/v1/styles")
        return self.parsed(_STYLES, answer.content)

    async def close_session(self, session: str) -> None:
        """The avatar goes off the air."""
        await self.call("DELETE", f"/v1/sessions/{session}")
