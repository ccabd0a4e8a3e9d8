"""All live sessions: each begins and ends here, and is found by its id."""

import asyncio
from functools import partial

from services.common.background import Background
from services.common.errors import Problem
from services.common.logs import logger
from services.common.messages import Close, control_channel
from services.orchestrator_api.lib.bus import Registry
from services.orchestrator_api.lib.conversation.context import Context
from services.orchestrator_api.lib.sessions.grants import Grants
from services.orchestrator_api.lib.sessions.session import Session
from services.orchestrator_api.lib.upstream.http import ServiceError
from services.orchestrator_api.lib.upstream.tts import Voice


class Sessions:
    """Session by id. Its methods raise `Problem`s for the caller of the public API."""

    def __init__(self, context: Context, registry: Registry, grants: Grants, background: Background) -> None:
        self._context, self._registry, self._grants, self._background = context, registry, grants, background
        self._live: dict[str, Session] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._dismantling: dict[str, asyncio.Task[None]] = {}

    def all(self) -> list[Session]:
        return list(self._live.values())

    def find(self, id: str) -> Session | None:
        """None if it is not live."""
        return self._live.get(id)

    def get(self, id: str) -> Session:
        """Raises `Problem` 404."""
        if session := self._live.get(id):
            return session
        raise Problem(404, f"There is no session {id}; open one with POST /session.")

    def meant(self, id: str | None) -> Session | None:
        """The named session, else the only one; None if none is live. Raises `Problem` 404, and 409 if several are."""
        if id is not None:
            return self.get(id)
        if len(self._live) > 1:
            raise Problem(409, "Several sessions are live; name one of them.", sessions=list(self._live))
        return next(iter(self._live.values()), None)

    def must_mean(self, id: str | None) -> Session:
        """Like `meant`, but there has to be one."""
        if session := self.meant(id):
            return session
        raise Problem(404, "No session is live; open one with POST /session.")

    def new(self, id: str, *, avatar: str | None, voice: Voice | None, style: str | None, turn: int) -> Session:
        """A session that is not live yet. `turn`: the last number in use."""
        context, registry, place = self._context, self._registry, self._grants.for_renderer
        return Session(id, context, registry, place=place, avatar=avatar, voice=voice, style=style, turn=turn)

    def begin(self, session: Session) -> None:
        """Its avatar is on the air: from now on it is live. If it fails it ends, everywhere and alone."""
        self._live[session.id] = session
        self._context.transcription.follow(session.id, session.conversation)
        self._tasks[session.id] = self._background.spawn(
            f"session {session.id}", session.run(), failed=partial(self._on_failed, session)
        )

    async def close(self, id: str) -> None:
        """End the session everywhere."""
        task = self._forget(self.get(id).id)
        task.cancel()
        await asyncio.wait([self._dismantle(id, task)])
        logger().info("session closed", session=id)

    def hang_up(self) -> None:
        """Let every open stream of events end: whoever serves them wants to stop."""
        for session in self.all():
            session.conversation.audience.end()

    async def gone(self, id: str) -> None:
        """Returns once nothing is left of an earlier session of this name."""
        if dismantling := self._dismantling.get(id):
            await asyncio.wait([dismantling])

    async def dismantle(self, id: str) -> None:
        """Take down what was put up for it. Services that are away forget it by themselves."""
        self._context.publisher.publish(control_channel(id), Close(session=id))
        services = self._context.services
        try:
            await services.renderer.close_session(id)
        except ServiceError as error:
            logger().debug("the renderer had nothing to close", session=id, reason=error.detail)
        try:
            await services.gateway.close_session(id, self._grants.for_own_call())
        except ServiceError as error:
            logger().debug("the gateway had nothing to close", session=id, reason=error.detail)
        await self._registry.forget(id)

    def _forget(self, id: str) -> asyncio.Task[None]:
        del self._live[id]
        self._context.transcription.leave(id)
        return self._tasks.pop(id)

    def _dismantle(self, id: str, running: asyncio.Task[None]) -> asyncio.Task[None]:
        async def dismantle() -> None:
            await asyncio.wait([running])  # until then it may write to the registry
            await self.dismantle(id)

        task = self._dismantling[id] = self._background.spawn(f"dismantling session {id}", dismantle())
        task.add_done_callback(lambda _: self._dismantling.pop(id))
        return task

    def _on_failed(self, session: Session) -> None:
        if self._live.get(session.id) is session:  # and not one that is being closed
            self._dismantle(session.id, self._forget(session.id))
