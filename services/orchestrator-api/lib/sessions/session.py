"""One live session: its conversation, who follows it, its avatar, its entry in the registry. One loop does everything
in order; it alone writes events."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

import structlog

from services.common.errors import Problem
from services.common.messages import Event, Metrics, State, events_channel
from services.common.utterances import UtteranceEvent
from services.orchestrator_api.lib.contracts import Cancelled, SessionView, latency_of
from services.orchestrator_api.lib.conversation.audience import Audience
from services.orchestrator_api.lib.conversation.conversation import Conversation
from services.orchestrator_api.lib.conversation.inbox import Inbox
from services.orchestrator_api.lib.conversation.surroundings import Surroundings
from services.orchestrator_api.lib.conversation.turn import Turn
from services.orchestrator_api.lib.sessions.on_air import stay_on_air
from services.orchestrator_api.lib.upstream.http import ServiceError
from services.orchestrator_api.lib.upstream.renderer import Face
from services.orchestrator_api.lib.upstream.tts import Voice

REFRESH_S, RETRY_REGISTRY_S = 15.0, 2.0


class Session:
    """`face` makes what puts the session's avatar on the air, with a fresh token. `turn`: the last number in use."""

    def __init__(
        self,
        id: str,
        around: Surroundings,
        *,
        face: Callable[["Session"], Face],
        avatar: str | None = None,
        voice: Voice | None = None,
        style: str | None = None,
        turn: int = 0,
    ) -> None:
        self.id, self.avatar, self.voice, self.style = id, avatar, voice, style
        self.audience = Audience()
        self.viewers = 0
        self.seen_at = around.clock()  # when somebody was known to watch
        self._face, self._around = face, around
        self._conversation = Conversation(self, around, turn=turn)
        self._ears = False
        self._latency: Metrics | None = None
        self._inbox = Inbox()
        self._changed = asyncio.Event()
        self._group = asyncio.TaskGroup()

    async def run(self) -> None:
        """Lives until it is cancelled."""
        structlog.contextvars.bind_contextvars(session=self.id)
        try:
            async with self._group:
                self.spawn(self._stay_registered())
                self.spawn(self._stay_on_air())
                await self._inbox.run()
        finally:
            self._inbox.close(Problem(404, f"Session {self.id} is over; open a new one with POST /session."))
            self.audience.end()
            self._conversation.end()

    # --- what others ask for ------------------------------------------------------------------------------------------

    async def ask(self, question: str) -> Turn:
        """Start a turn; the one before it is cancelled. Returns as soon as it runs."""
        return await self._inbox.do(partial(self._conversation.ask, question))

    async def cancel(self) -> Cancelled:
        """Stop speaking. Raises `Problem` 409 if there is nothing to stop."""
        return await self._inbox.do(self._conversation.cancel)

    async def user_speaking(self, speaking: bool) -> None:
        """Somebody speaks, or no longer does: the answer stands still, and is interrupted or goes on."""
        await self._inbox.do(partial(self._conversation.listener.speaking, speaking))

    def hear(self, heard: UtteranceEvent) -> None:
        """What asr hears at the session's microphone."""
        self.post(partial(self._conversation.listener.hear, heard))

    def hears_by(self, instance: str | None) -> None:
        """Which run of asr listens from now on; None: none does."""
        self.post(partial(self._has_ears, instance))

    async def restyle(self, style: str) -> str:
        """The preset now in force. Raises `Problem` 422 for one that is not there."""
        try:
            self.style = await self._around.services.renderer.restyle(self.id, style)
        except ServiceError as error:
            raise error.problem() from error
        self._changed.set()
        return self.style

    def now(self) -> State:
        """The state, as an event for somebody who has just come."""
        talk = self._conversation
        return State(session=self.id, turn=talk.number, state=talk.state.shown, ears=self._ears)

    def view(self) -> SessionView:
        return SessionView(
            session=self.id,
            state=self._conversation.state.shown,
            turn=self._conversation.number,
            viewers=self.viewers,
            style=self.style,
            latency=latency_of(self._latency) if self._latency else {},
        )

    # --- what its conversation asks for -------------------------------------------------------------------------------

    def tell(self, event: Event) -> None:
        """As `surroundings.Host` has it."""
        if isinstance(event, Metrics):
            self._latency = event
        self.audience.tell(event)
        self._around.publisher.publish(events_channel(self.id), event)

    def changed(self) -> None:
        """As `surroundings.Host` has it."""
        self.tell(self.now())
        self._changed.set()

    def post(self, work: Callable[[], Awaitable[None]]) -> None:
        """As `surroundings.Host` has it."""
        self._inbox.post(work)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """As `surroundings.Host` has it."""
        return self._group.create_task(work)

    # --- for as long as it lives --------------------------------------------------------------------------------------

    async def _has_ears(self, instance: str | None) -> None:
        await self._conversation.listener.lost(instance)
        if self._ears is not (instance is not None):
            self._ears = not self._ears
            self.tell(self.now())

    async def _stay_on_air(self) -> None:
        await stay_on_air(
            self.id,
            self._around.services.renderer,
            lambda: self._face(self),
            clock=self._around.clock,
            heard=lambda event: self.post(partial(self._conversation.rendered, event)),
            lost=lambda: self.post(self._conversation.renderer_lost),
        )

    async def _stay_registered(self) -> None:
        while True:
            self._changed.clear()
            saved = await self._around.registry.save(self.id, self._entry())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REFRESH_S if saved else RETRY_REGISTRY_S):
                    await self._changed.wait()

    def _entry(self) -> dict[str, str | int]:
        return {
            "state": self._conversation.state.shown,
            "turn": self._conversation.number,
            "renderer": self._around.services.renderer.address,
            "gateway": self._around.services.gateway.address,
            "avatar": self.avatar or "",
            "voice": self.voice.name if self.voice else "",
            "voice_token": (self.voice and self.voice.token) or "",
            "style": self.style or "",
        }
