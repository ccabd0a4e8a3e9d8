"""The sessions that are on air: opened, found, closed; and what Redis asks of them."""

import asyncio
from collections.abc import Iterator
from weakref import WeakValueDictionary

import httpx

from services.common.background import Background
from services.common.errors import Problem
from services.common.heartbeat import INSTANCE
from services.common.messages import Cancel, Close, Control, Heartbeat
from services.common.whip import Target
from services.renderer.engine import Engine
from services.renderer.sessions.session import LINGER_S, Session


class SessionRegistry:
    """At most `capacity` sessions on one engine."""

    def __init__(
        self,
        engine: Engine,
        http: httpx.AsyncClient,
        *,
        avatar: str,
        capacity: int,
        buffer_ms: int,
        linger_s: float = LINGER_S,
        background: Background,
    ) -> None:
        """`avatar`: of sessions that do not ask for one; the engine's first where it does not have it."""
        self.engine, self.capacity = engine, capacity
        self.avatar = avatar if avatar in engine.avatars else engine.avatars[0]
        self._http, self._background = http, background
        self._buffer_ms = buffer_ms
        self._linger_s = linger_s
        self._sessions: dict[str, Session] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._sessions.values()))

    def __len__(self) -> int:
        return sum(not s.ended.is_set() for s in self._sessions.values())

    def get(self, name: str) -> Session:
        """Raises `Problem` 404."""
        session = self._sessions.get(name)
        if session is None or session.ended.is_set() or session.state == "connecting":
            raise Problem(404, f"session: {name} is not on air here; open it with POST /v1/sessions.")
        return session

    async def open(self, name: str, target: Target, avatar: str | None, style: str | None) -> tuple[Session, bool]:
        """(the session on air, whether it was opened now). One that was on air already will use `target` when it has to
        publish again.

        Raises `Problem`: 422 for an avatar, a style or an address that is not there, 503 if all places are taken or the
        gateway is away, 502 if it refuses.
        """
        async with self._alone(name):
            live = self._sessions.get(name)
            if live is not None and not live.ended.is_set():
                live.publish_to(target)
                return live, False
            if len(self) >= self.capacity:
                raise Problem(
                    503,
                    f"All {self.capacity} places of this renderer are taken; end a session or raise RENDERER_SESSIONS.",
                    headers={"Retry-After": "5"},
                )
            session = Session(
                name,
                self._http,
                target,
                avatar=avatar or self.avatar,
                style=style or self.engine.style,
                buffer_ms=self._buffer_ms,
                linger_s=self._linger_s,
            )
            self._sessions = {n: s for n, s in self._sessions.items() if not s.ended.is_set()}
            self._sessions[name] = session
            await session.open(self.engine, self._background)
            return session, True

    async def end(self, name: str) -> None:
        """Raises `Problem` 404."""
        async with self._alone(name):
            await self.get(name).close()
            self._sessions.pop(name, None)

    def _alone(self, name: str) -> asyncio.Lock:
        """Held while a session is opened or ended, so that neither happens in the middle of the other."""
        return self._locks.setdefault(name, asyncio.Lock())

    async def close(self) -> None:
        """End all sessions at once."""
        await asyncio.gather(*(session.close() for session in self))
        self._sessions.clear()

    def end_event_streams(self) -> None:
        """Let every open stream of events end, so that the server can stop."""
        for session in self:
            session.events.close()

    def restyle(self, name: str, style: str) -> None:
        """Raises `Problem`: 404, or 422 for a style that the engine does not have."""
        session = self.get(name)
        if style not in self.engine.styles:
            known = ", ".join(self.engine.styles)
            raise Problem(422, f"style: there is no {style!r}; choose one of {known}.")
        session.restyle(style)

    async def obey(self, order: Control) -> None:
        """Do what a session's control channel says. Raises `Problem` 404."""
        match order:
            case Cancel():
                await self.get(order.session).playout.cancel(order.turn)
            case Close():
                await self.end(order.session)

    def heartbeat(self) -> Heartbeat:
        """That this renderer is alive, and how full it is."""
        return Heartbeat(service="renderer", instance=INSTANCE, sessions=len(self), capacity=self.capacity)
