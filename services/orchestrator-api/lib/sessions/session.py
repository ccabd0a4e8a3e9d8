"""One live session: its conversation, its avatar, its entry in the registry."""

import asyncio
import contextlib
from collections.abc import Callable

import structlog

from services.orchestrator_api.lib.bus import Registry
from services.orchestrator_api.lib.contracts import SessionView, latency_of
from services.orchestrator_api.lib.conversation.context import Context
from services.orchestrator_api.lib.conversation.conversation import Conversation
from services.orchestrator_api.lib.sessions.on_air import stay_on_air
from services.orchestrator_api.lib.upstream.http import ServiceError
from services.orchestrator_api.lib.upstream.renderer import PutOnAir
from services.orchestrator_api.lib.upstream.tts import Voice

REFRESH_S, RETRY_REGISTRY_S = 15.0, 2.0


class Session:
    """`place` tells where the avatar is published, and the token for it. `turn`: the last number in use."""

    def __init__(
        self,
        id: str,
        context: Context,
        registry: Registry,
        *,
        place: Callable[[str], tuple[str, str]],
        avatar: str | None = None,
        voice: Voice | None = None,
        style: str | None = None,
        turn: int = 0,
    ) -> None:
        self.id, self.avatar, self.voice, self.style = id, avatar, voice, style
        self.viewers = 0
        self.seen_at = context.clock()  # when somebody was known to watch
        self._changed = asyncio.Event()
        self.conversation = Conversation(id, context, voice=voice, turn=turn, changed=self._changed.set)
        self._context, self._registry, self._place = context, registry, place

    async def run(self) -> None:
        """Lives until it is cancelled. A bug in it ends it, which those who follow it are told."""
        structlog.contextvars.bind_contextvars(session=self.id)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._stay_registered())
                group.create_task(self._stay_on_air())
                group.create_task(self.conversation.run())
        except Exception:
            self.conversation.fail()
            raise
        finally:
            self.conversation.end()

    async def restyle(self, style: str) -> str:
        """The preset now in force. Raises `Problem` 422 for one that is not there."""
        try:
            self.style = await self._context.services.renderer.restyle(self.id, style)
        except ServiceError as error:
            raise error.problem() from error
        self._changed.set()
        return self.style

    def view(self) -> SessionView:
        """As the public API shows it."""
        talk = self.conversation
        return SessionView(
            session=self.id,
            state=talk.state.shown,
            turn=talk.number,
            viewers=self.viewers,
            style=self.style,
            latency=latency_of(talk.latency) if talk.latency else {},
        )

    def put_on_air(self) -> PutOnAir:
        """What puts its avatar on the air, with a fresh token."""
        publish_url, token = self._place(self.id)
        return PutOnAir(session=self.id, publish_url=publish_url, token=token, avatar=self.avatar, style=self.style)

    async def _stay_on_air(self) -> None:
        await stay_on_air(
            self.id,
            self._context.services.renderer,
            self.put_on_air,
            clock=self._context.clock,
            heard=self.conversation.rendered,
            lost=self.conversation.renderer_lost,
        )

    async def _stay_registered(self) -> None:
        while True:
            self._changed.clear()
            saved = await self._registry.save(self.id, self._entry())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REFRESH_S if saved else RETRY_REGISTRY_S):
                    await self._changed.wait()

    def _entry(self) -> dict[str, str | int]:
        return {
            "state": self.conversation.state.shown,
            "turn": self.conversation.number,
            "renderer": self._context.services.renderer.address,
            "gateway": self._context.services.gateway.address,
            "avatar": self.avatar or "",
            "voice": self.voice.name if self.voice else "",
            "voice_token": (self.voice and self.voice.token) or "",
            "style": self.style or "",
        }
