"""Transcription of all sessions: asr is told where to listen, and what it hears goes to the session that it concerns.

asr may be away, come late, or be another one by now: sessions go on without it, and are heard when it is there. Nobody
ever waits for it.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Protocol

from pydantic import ValidationError

from services.common.background import Background
from services.common.bus import Bus
from services.common.logs import logger
from services.common.messages import SERVICES_CHANNEL, Heartbeat
from services.common.utterances import UTTERANCE_EVENTS, UTTERANCES_PATTERN, ListeningEnded, UtteranceEvent
from services.orchestrator_api.lib.upstream.asr import Asr
from services.orchestrator_api.lib.upstream.http import ServiceError

RETRY_S = 2.0
LOST_S = 7.0
"""asr beats every two seconds; after so long without a beat it is gone."""

Place = Callable[[str], tuple[str, str]]
"""Where a session's microphone is heard: address and token."""


class Transcribed(Protocol):
    """Whose microphone is listened to."""

    def hear(self, heard: UtteranceEvent) -> None:
        """asr reports this, in order."""
        ...

    def heard_by(self, instance: str | None) -> None:
        """From now on this run of asr listens; None: none does."""
        ...


class AsrLink:
    """`place` tells where a session's microphone is heard; `clock`: steady seconds. asr is called once its heartbeat
    says that it is there."""

    def __init__(self, asr: Asr, bus: Bus, place: Place, clock: Callable[[], float]) -> None:
        self._asr, self._bus, self._place, self._clock = asr, bus, place, clock
        self._wanted: dict[str, Transcribed] = {}
        self._open: set[str] = set()  # sessions that the present run of asr has confirmed
        self._instance: str | None = None
        self._beat_at = 0.0
        self._sayings: dict[str, tuple[int, str]] = {}
        self._news, self._said = asyncio.Event(), asyncio.Event()

    def follow(self, session: str, transcribed: Transcribed) -> None:
        """Listen to this session, as soon as that is possible."""
        self._wanted[session] = transcribed
        self._news.set()

    def leave(self, session: str) -> None:
        """The session is over."""
        self._wanted.pop(session, None)
        self._sayings.pop(session, None)
        self._news.set()

    def avatar_says(self, session: str, turn: int, text: str) -> None:
        """These words of the avatar sound about now and are not to be taken for the person's; blank: it is silent. Only
        the newest count."""
        if session in self._open:
            self._sayings[session] = (turn, text)
            self._said.set()

    def begin(self, background: Background) -> None:
        """Work for as long as the service runs."""
        background.keep("receiving utterances", self._receive())
        background.keep("placing asr", self._keep_placed())
        background.keep("telling asr what the avatar says", self._pass_on())

    # --- from asr -----------------------------------------------------------------------------------------------------

    async def _receive(self) -> None:
        async for channel, text in self._bus.subscribe(UTTERANCES_PATTERN, SERVICES_CHANNEL):
            try:
                if channel == SERVICES_CHANNEL:
                    self._on_beat(Heartbeat.model_validate_json(text))
                else:
                    self._on_heard(UTTERANCE_EVENTS.validate_json(text))
            except ValidationError as error:
                # Only what is wrong: what somebody said is not for the log.
                logger().warning("not understood", channel=channel, reason=str(error.errors()[0]["msg"]))

    def _on_heard(self, heard: UtteranceEvent) -> None:
        transcribed = self._wanted.get(heard.session)
        if transcribed is None:
            return
        if isinstance(heard, ListeningEnded):  # asr is told again with the next round
            logger().debug("asr listens no longer", session=heard.session, reason=heard.reason)
            self._open.discard(heard.session)
            transcribed.heard_by(None)
        else:
            transcribed.hear(heard)

    def _on_beat(self, beat: Heartbeat) -> None:
        if beat.service != "asr":
            return
        self._beat_at = self._clock()
        if beat.instance != self._instance:
            logger().info("asr is there", instance=beat.instance)
            self._instance = beat.instance
            self._open.clear()
            self._news.set()

    # --- to asr -------------------------------------------------------------------------------------------------------

    async def _keep_placed(self) -> None:
        """Whatever happened on either side, asr gets to listen where it should and nowhere else."""
        while True:
            self._news.clear()
            if self._instance is not None and self._clock() - self._beat_at > LOST_S:
                self._lose()
            if self._instance is not None:
                await asyncio.gather(*(self._begin(self._instance, id) for id in self._wanted.keys() - self._open))
                await asyncio.gather(*(self._end(id) for id in self._open - self._wanted.keys()))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RETRY_S):
                    await self._news.wait()

    def _lose(self) -> None:
        logger().warning("asr is gone; typing works without it")
        self._instance = None
        self._open.clear()
        for transcribed in self._wanted.values():
            transcribed.heard_by(None)

    async def _begin(self, instance: str, id: str) -> None:
        try:
            await self._asr.listen(id, *self._place(id))
        except ServiceError as error:
            logger().debug("asr does not listen yet", session=id, reason=error.detail)
            listens = False
        else:
            self._open.add(id)
            listens = True
        if self._instance == instance and (transcribed := self._wanted.get(id)):
            transcribed.heard_by(instance if listens else None)

    async def _end(self, id: str) -> None:
        self._open.discard(id)
        with contextlib.suppress(ServiceError):
            await self._asr.leave(id)

    async def _pass_on(self) -> None:
        while True:
            await self._said.wait()
            self._said.clear()
            while self._sayings:
                session, (turn, text) = self._sayings.popitem()
                with contextlib.suppress(ServiceError):
                    await self._asr.spoken(session, turn, text)
