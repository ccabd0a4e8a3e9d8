"""All live sessions: opens, joins, adopts and closes them, and knows which one is meant."""

import asyncio
import secrets
import time
from functools import partial

from services.common import tokens
from services.common.background import Background
from services.common.bus import AWAY, RedisBus
from services.common.errors import Problem
from services.common.heartbeat import INSTANCE, beat
from services.common.logs import logger
from services.common.messages import Close, Heartbeat, control_channel
from services.orchestrator_api.lib.bus import Publisher, Registry
from services.orchestrator_api.lib.contracts import Offer, Opened
from services.orchestrator_api.lib.conversation.surroundings import After, Surroundings
from services.orchestrator_api.lib.sessions.ice import ice_servers
from services.orchestrator_api.lib.sessions.session import Session
from services.orchestrator_api.lib.upstream.asr import Asr
from services.orchestrator_api.lib.upstream.ears import Ears
from services.orchestrator_api.lib.upstream.http import CALLERS_FAULT, ServiceError
from services.orchestrator_api.lib.upstream.renderer import Face
from services.orchestrator_api.lib.upstream.services import Services
from services.orchestrator_api.lib.upstream.tts import Voice
from services.orchestrator_api.settings import OrchestratorSettings

WATCH_S = 2.0

CALL_TOKEN_S = 60
"""Tokens for a single call to the gateway."""


class Sessions:
    """Session by id. Its methods raise `Problem`s for the caller of the public API."""

    def __init__(
        self,
        settings: OrchestratorSettings,
        bus: RedisBus,
        services: Services,
        asr: Asr,
        after: After,
        background: Background,
    ) -> None:
        """`asr`: who listens to the microphones, once it is there. `after` calls back that many seconds later."""
        self._background = background
        self._settings, self._bus, self._services = settings, bus, services
        self._publisher, self._registry = Publisher(bus), Registry(bus)
        self._ears = Ears(asr, bus, self._place_of_microphone, time.monotonic)
        self._around = Surroundings(
            services=services,
            publisher=self._publisher,
            registry=self._registry,
            ears=self._ears,
            clock=time.monotonic,
            after=after,
            buffer_ms=settings.buffer_seconds * 1000,
        )
        self._live: dict[str, Session] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._opening: set[str] = set()

    @property
    def services(self) -> Services:
        return self._services

    def all(self) -> list[Session]:
        return list(self._live.values())

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

    def admit(self, id: str, token: str) -> tokens.Grant:
        """The grant of a token for this session. Raises `Problem` 401 or 403."""
        grant = tokens.verify(self._settings.token_secret, token)
        if grant.session != id or grant.role not in ("talker", "viewer"):
            raise Problem(403, f"The token is not for session {id}; use the one that POST /session returned for it.")
        return grant

    # --- opening and closing ------------------------------------------------------------------------------------------

    async def offer(self, offer: Offer, token: str | None) -> Opened:
        """Answer a browser's offer: join the session that it names, or open one."""
        grant = None if offer.session is None or token is None else self.admit(offer.session, token)
        if offer.session is None:
            id = secrets.token_hex(8)
            sdp = await self._open(id, offer, turn=0)
            role: tokens.Role = "talker"
        elif offer.session in self._live:
            id, role = offer.session, grant.role if grant else "viewer"
            self.get(id).seen_at = self._around.clock()
            try:
                sdp = await self._join(id, offer.sdp)
            except ServiceError as error:
                raise error.problem() from error
        elif grant:
            # Its page has outlived it. Whatever remembers the session elsewhere must not take new turns for old ones.
            id, role = offer.session, grant.role
            sdp = await self._open(id, offer, turn=_unreached_turn())
        else:
            raise Problem(404, f"There is no session {offer.session}; leave `session` out to open a new one.")
        return Opened(
            session=id,
            sdp=sdp,
            token=tokens.issue(self._settings.token_secret, id, role),
            ice_servers=ice_servers(self._settings.ice(), self._settings.turn_secret, id, time.time()),
        )

    async def close(self, id: str) -> None:
        """End the session everywhere. Services that are away forget it by themselves."""
        session = self.get(id)
        del self._live[session.id]
        self._ears.leave(id)
        await self._stop(id)
        await self._dismantle(id)
        logger().info("session closed", session=id)

    async def _open(self, id: str, offer: Offer, *, turn: int) -> str:
        """Face and media at the same time; if either fails nothing remains of both. Returns the gateway's answer."""
        if id in self._opening:
            raise Problem(409, f"Session {id} is being opened already; try again in a moment.")
        self._opening.add(id)
        voice = Voice(offer.voice, offer.voice_token) if offer.voice else None
        try:
            await self._check_redis()
            await self._check_voice(voice)
            session = Session(
                id, self._around, face=self._face, avatar=offer.avatar, voice=voice, style=offer.style, turn=turn
            )
            joining = asyncio.create_task(self._join(id, offer.sdp))
            showing = asyncio.create_task(self._services.renderer.open(self._face(session)))
            await asyncio.wait([joining, showing])
            failures = [error for task in (joining, showing) if (error := task.exception())]
            if failures:
                await self._dismantle(id)
                raise _as_problem(failures)
            session.style = showing.result()
            self._begin(session)
        finally:
            self._opening.discard(id)
        logger().info("session opened", session=id)
        return joining.result()

    async def _check_redis(self) -> None:
        if not await self._bus.ping():
            raise Problem(503, "Redis is away: live sessions go on, new ones have to wait; try again in a moment.")

    async def _check_voice(self, voice: Voice | None) -> None:
        if voice is None:
            return
        try:
            voices = await self._services.tts.voices(voice.token)
        except ServiceError as error:
            raise error.problem() from error
        if voice.name not in voices:
            shown = ", ".join(voices[:20])
            raise Problem(
                422, f"voice: there is no {voice.name!r}, or not with this voice_token; choose one of {shown}."
            )

    async def _join(self, id: str, sdp: str) -> str:
        return await self._services.gateway.join(id, sdp, self._own_token())

    def _face(self, session: Session) -> Face:
        return Face(
            session=session.id,
            publish_url=f"{self._services.gateway.address}/whip/{session.id}",
            token=tokens.issue(self._settings.token_secret, session.id, "renderer"),
            avatar=session.avatar,
            style=session.style,
        )

    def _place_of_microphone(self, id: str) -> tuple[str, str]:
        return f"{self._services.gateway.address}/whep/{id}", tokens.issue(self._settings.token_secret, id, "asr")

    def _begin(self, session: Session) -> None:
        self._live[session.id] = session
        self._ears.follow(session)
        self._tasks[session.id] = self._background.spawn(
            f"session {session.id}", session.run(), failed=partial(self._on_failed, session.id)
        )

    def _on_failed(self, id: str) -> None:
        del self._live[id], self._tasks[id]
        self._ears.leave(id)
        self._background.spawn(f"dismantle {id}", self._dismantle(id))

    async def _stop(self, id: str) -> None:
        if task := self._tasks.pop(id, None):
            task.cancel()
            await asyncio.wait([task])

    async def _dismantle(self, id: str) -> None:
        self._publisher.publish(control_channel(id), Close(session=id))
        try:
            await self._services.renderer.close_session(id)
        except ServiceError as error:
            logger().debug("the renderer had nothing to close", session=id, reason=error.detail)
        try:
            await self._services.gateway.close_session(id, self._own_token())
        except ServiceError as error:
            logger().debug("the gateway had nothing to close", session=id, reason=error.detail)
        await self._registry.forget(id)

    def _own_token(self) -> str:
        return tokens.issue(self._settings.token_secret, tokens.ANY_SESSION, "orchestrator", CALL_TOKEN_S)

    # --- for as long as the service runs ------------------------------------------------------------------------------

    async def adopt(self) -> None:
        """Take over the sessions of the orchestrator before this one, if their avatars are still on the air."""
        try:
            registered = await self._registry.all()
            on_air = await self._services.renderer.sessions() if registered else {}
        except (ServiceError, *AWAY) as error:
            logger().warning("sessions of before cannot be taken over", reason=str(error))
            return
        for id in registered.keys() & on_air.keys():
            fields = registered[id]
            session = Session(
                id,
                self._around,
                face=self._face,
                avatar=fields.get("avatar") or None,
                voice=Voice(name, fields.get("voice_token") or None) if (name := fields.get("voice")) else None,
                style=fields.get("style") or None,
                turn=max(int(fields.get("turn", 0)), on_air[id]),
            )
            self._begin(session)
            logger().info("session taken over", session=id)

    async def watch(self) -> None:
        """Count viewers and close what nobody watches, without end."""
        while True:
            await self._count_viewers()
            now = self._around.clock()
            for session in self.all():
                lingers = now - session.seen_at <= self._settings.session_linger_seconds
                if not lingers and session.id in self._live:
                    logger().info("nobody watches any more", session=session.id)
                    await self.close(session.id)
            await asyncio.sleep(WATCH_S)

    async def _count_viewers(self) -> None:
        try:
            viewers = await self._services.gateway.viewers(self._own_token())
        except ServiceError as error:
            logger().debug("the gateway cannot be asked for viewers", reason=error.detail)
            viewers = None
        for session in self.all():
            if viewers is not None:
                session.viewers = viewers.get(session.id, 0)
            # While the gateway is away nobody can watch: the time does not count against the session.
            if viewers is None or session.viewers:
                session.seen_at = self._around.clock()

    def _heartbeat(self) -> Heartbeat:
        return Heartbeat(service="orchestrator-api", instance=INSTANCE, sessions=len(self._live))

    def hang_up(self) -> None:
        """Let every open stream of events end: whoever serves them wants to stop."""
        for session in self.all():
            session.audience.end()

    async def begin(self) -> None:
        """Adopt, then watch and publish. When all that is cancelled the sessions stay on the air for the next
        orchestrator."""
        await self.adopt()
        keep = self._background.keep
        keep("publisher", self._publisher.run())
        keep("heartbeat", beat(self._bus, self._heartbeat))
        keep("watch", self.watch())
        self._ears.begin(self._background)


def _as_problem(failures: list[BaseException]) -> BaseException:
    """What the caller did wrong goes before what is wrong with us."""
    known = [error for error in failures if isinstance(error, ServiceError)]
    if len(known) < len(failures):
        return next(error for error in failures if error not in known)
    known.sort(key=lambda error: error.status not in CALLERS_FAULT)
    return known[0].problem()


def _unreached_turn() -> int:
    """A turn number that the session cannot have reached before: seconds since the epoch, and no turn takes less."""
    return int(time.time())
