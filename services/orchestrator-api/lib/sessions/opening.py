"""A browser's offer is answered: a session is opened, joined, or brought back."""

import asyncio
import secrets
import time

from services.common import tokens
from services.common.bus import Bus
from services.common.errors import Problem
from services.common.logs import logger
from services.orchestrator_api.lib.contracts import Offer, Opened
from services.orchestrator_api.lib.conversation.context import Context
from services.orchestrator_api.lib.sessions.grants import Grants
from services.orchestrator_api.lib.sessions.ice import ice_servers
from services.orchestrator_api.lib.sessions.live import Sessions
from services.orchestrator_api.lib.upstream.http import CALLERS_FAULT, ServiceError
from services.orchestrator_api.lib.upstream.tts import Voice


class Opening:
    """`ice`: STUN and TURN URLs for browsers. Its methods raise `Problem`s for the caller of the public API."""

    def __init__(
        self, sessions: Sessions, context: Context, grants: Grants, bus: Bus, *, ice: list[str], turn_secret: str
    ) -> None:
        self._sessions, self._services, self._clock = sessions, context.services, context.clock
        self._grants, self._bus = grants, bus
        self._ice, self._turn_secret = ice, turn_secret
        self._opening: set[str] = set()

    async def offer(self, offer: Offer, token: str | None) -> Opened:
        """Join the session that the offer names, or open one."""
        grant = None if offer.session is None or token is None else self._grants.admit(offer.session, token)
        if offer.session is None:
            id = secrets.token_hex(8)
            sdp = await self._open(id, offer, turn=0)
            role: tokens.Role = "talker"
        elif session := self._sessions.find(offer.session):
            id, role = session.id, grant.role if grant else "viewer"
            session.seen_at = self._clock()
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
            token=self._grants.for_page(id, role),
            ice_servers=ice_servers(self._ice, self._turn_secret, id, time.time()),
        )

    async def _open(self, id: str, offer: Offer, *, turn: int) -> str:
        """Avatar and media at the same time; if either fails nothing remains of both. Returns the gateway's answer."""
        if id in self._opening:
            raise Problem(409, f"Session {id} is being opened already; try again in a moment.")
        self._opening.add(id)
        voice = Voice(offer.voice, offer.voice_token) if offer.voice else None
        try:
            await self._sessions.gone(id)
            await self._check_redis()
            await self._check_voice(voice)
            session = self._sessions.new(id, avatar=offer.avatar, voice=voice, style=offer.style, turn=turn)
            sdp, style = await asyncio.gather(
                self._join(id, offer.sdp),
                self._services.renderer.open(session.put_on_air()),
                return_exceptions=True,
            )
            if isinstance(sdp, BaseException) or isinstance(style, BaseException):
                await self._sessions.dismantle(id)
                raise _as_problem([each for each in (sdp, style) if isinstance(each, BaseException)])
            session.style = style
            self._sessions.begin(session)
        finally:
            self._opening.discard(id)
        logger().info("session opened", session=id)
        return sdp

    async def _join(self, id: str, sdp: str) -> str:
        return await self._services.gateway.join(id, sdp, self._grants.for_own_call())

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
