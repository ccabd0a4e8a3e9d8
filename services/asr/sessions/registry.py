"""The sessions that are listened to."""

import asyncio
from collections.abc import Iterator

import httpx

from services.asr.echo.text import TextEchoGuard
from services.asr.sessions.transcriber import NewPipeline, SessionTranscriber
from services.common.background import Background
from services.common.bus import Bus
from services.common.errors import Problem
from services.common.messages import Close, Control
from services.common.whip import Target


class SessionRegistry:
    """At most `capacity` sessions, each with its transcriber. Those whose transcriber has ended do not count."""

    def __init__(
        self, http: httpx.AsyncClient, bus: Bus, capacity: int, new_pipeline: NewPipeline, background: Background
    ) -> None:
        self.capacity, self._background = capacity, background
        self._http, self._bus, self._new_pipeline = http, bus, new_pipeline
        self._transcribers: dict[str, SessionTranscriber] = {}

    def __iter__(self) -> Iterator[SessionTranscriber]:
        return iter([found for found in self._transcribers.values() if found.state != "ended"])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def open(self, session: str, target: Target) -> tuple[SessionTranscriber, bool]:
        """(the session's transcriber, whether it is new). A session that is listened to already keeps its transcriber,
        which takes the new target when it has to join again.

        Raises `Problem` 503 if all places are taken.
        """
        transcriber = self._transcribers.get(session)
        if transcriber is not None and transcriber.state != "ended":
            transcriber.target = target
            return transcriber, False
        if len(self) >= self.capacity:
            raise Problem(
                503,
                f"All {self.capacity} places of this asr are taken; end a session or raise ASR_SESSIONS.",
                headers={"Retry-After": "5"},
            )
        transcriber = SessionTranscriber(session, target, self._http, self._bus, self._new_pipeline)
        self._transcribers = {each.session: each for each in (*self, transcriber)}
        transcriber.start(self._background)
        return transcriber, True

    def text_echo(self, session: str) -> TextEchoGuard:
        """The session's guard that is told what the avatar says. Raises `Problem` 404 if nobody listens there."""
        return self._get(session).pipeline.text_echo

    async def end(self, session: str) -> None:
        """Listen to the session no longer. Raises `Problem` 404 if nobody listens there."""
        transcriber = self._get(session)
        del self._transcribers[session]
        await transcriber.close()

    async def close(self) -> None:
        """End all sessions."""
        transcribers, self._transcribers = list(self._transcribers.values()), {}
        await asyncio.gather(*(transcriber.close() for transcriber in transcribers))

    async def obey(self, order: Control) -> None:
        """End the session that is over. Raises `Problem` 404 if nobody listens there."""
        if isinstance(order, Close):
            await self.end(order.session)

    def _get(self, session: str) -> SessionTranscriber:
        transcriber = self._transcribers.get(session)
        if transcriber is None or transcriber.state == "ended":
            raise Problem(404, f"session: asr does not listen to {session}; open it with POST /v1/sessions.")
        return transcriber
