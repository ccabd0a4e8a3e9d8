"""A renderer, small and honest: avatars that play, timed by the test."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from fastapi import Response
from fastapi.responses import StreamingResponse

from services.common.errors import Problem
from services.common.messages import Caption, Event, Metrics, Playback
from services.common.speech import Speech, Word
from tests.orchestrator.serving import Fake


class Avatar:
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
        self.avatars: dict[str, Avatar] = {}
        self.cancels: list[tuple[str, int]] = []
        self.holds: list[tuple[str, int]] = []  # ("pause" or "resume", turn)
        self.knows_pause = True
        self.refusals = 0
        app = self.app

        @app.post("/v1/sessions", status_code=201)
        async def open_avatar(body: dict[str, Any], response: Response) -> dict[str, str]:
            session = body["session"]
            if body.get("style", "studio") not in self.STYLES:
                raise Problem(422, "style: there is no such style.")
            if session in self.avatars:
                response.status_code = 200
            elif len(self.avatars) >= self.capacity:
                raise Problem(503, "All places of this renderer are taken.", headers={"Retry-After": "5"})
            else:
                self.avatars[session] = Avatar(session, body, self.by_itself)
            return {"session": session, "style": self.avatars[session].style}

        @app.get("/v1/sessions")
        async def list_avatars() -> dict[str, Any]:
            return {"sessions": [{"session": id, "turn": avatar.turn} for id, avatar in self.avatars.items()]}

        @app.delete("/v1/sessions/{session}", status_code=204)
        async def close_avatar(session: str) -> None:
            self._avatar(session).feed.put_nowait(None)
            del self.avatars[session]

        @app.get("/v1/sessions/{session}/events")
        async def events(session: str) -> StreamingResponse:
            return StreamingResponse(self._events(self._avatar(session)), media_type="application/x-ndjson")

        @app.post("/v1/sessions/{session}/speech")
        async def speech(session: str, speech: Speech) -> dict[str, int]:
            avatar = self._avatar(session)
            waiting = avatar.end_ms - avatar.heard_ms if avatar.turn == speech.turn else 0
            if waiting + speech.t1 - speech.t0 > self.buffer_ms:
                self.refusals += 1
                raise Problem(429, "The buffer is full.", headers={"Retry-After": "1"})
            avatar.take(speech)
            return {"buffered_ms": avatar.end_ms - avatar.heard_ms}

        @app.post("/v1/sessions/{session}/cancel")
        async def cancel(session: str, body: dict[str, int]) -> dict[str, int]:
            self.cancels.append((session, body["turn"]))
            avatar = self._avatar(session)
            avatar.cancelled = max(avatar.cancelled, body["turn"])
            return {"heard_ms": avatar.heard_ms if avatar.turn == body["turn"] else 0}

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
            self._avatar(session).style = body["style"]
            return {"style": body["style"]}

        @app.get("/v1/styles")
        async def styles() -> dict[str, Any]:
            return {"styles": self.STYLES, "style": "studio"}

    def _avatar(self, session: str) -> Avatar:
        if session not in self.avatars:
            raise Problem(404, f"{session} is not on the air here.")
        return self.avatars[session]

    def _hold(self, what: str, session: str, turn: int) -> dict[str, int]:
        if not self.knows_pause:
            raise Problem(404, "There is nothing here.")
        self.holds.append((what, turn))
        avatar = self._avatar(session)
        avatar.paused = turn if what == "pause" else 0
        if what == "resume" and avatar.by_itself:
            avatar.hear(avatar.end_ms)
        return {"heard_ms": avatar.heard_ms if avatar.turn == turn else 0}

    async def _events(self, avatar: Avatar) -> AsyncIterator[str]:
        while (event := await avatar.feed.get()) is not None:
            yield event.model_dump_json() + "\n"
