"""One session's ear: joined to the gateway, again and again if need be, and publishing what it hears."""

import asyncio
from collections.abc import Callable
from typing import Literal

import httpx

from services.asr.pipeline import Hearing
from services.asr.sessions.subscription import is_final, subscribe
from services.common.background import Background
from services.common.bus import Bus
from services.common.logs import logger
from services.common.metrics import END_OF_TURN_DELAY, TRANSCRIPTION_DELAY
from services.common.utterances import TurnOver, UtteranceEvent, utterances_channel
from services.common.whip import JoinError, Target

BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)

EarState = Literal["connecting", "listening", "reconnecting", "ended"]

NewHearing = Callable[[str, Callable[[UtteranceEvent], None]], Hearing]
"""(session, publish) to a new hearing."""


class Ear:
    """Listens from `start` until `close`, or until the gateway refuses its token: then its state is `ended`."""

    def __init__(
        self, session: str, target: Target, http: httpx.AsyncClient, bus: Bus, new_hearing: NewHearing
    ) -> None:
        self.session, self.target = session, target
        self.state: EarState = "connecting"
        self._http, self._bus = http, bus
        self._outbox: asyncio.Queue[UtteranceEvent] = asyncio.Queue()
        self.hearing = new_hearing(session, self._publish)
        self._running: asyncio.Task[None] | None = None

    def start(self, background: Background) -> None:
        self._running = background.spawn(f"ear of session {self.session}", self._run())

    async def close(self) -> None:
        """Leave the gateway; nothing is published any more."""
        if self._running:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                posting = tasks.create_task(self._post())
                await self._listen()
                posting.cancel()
        finally:
            self.state = "ended"
            self.hearing.close()

    async def _listen(self) -> None:
        log = logger().bind(session=self.session)
        failures = 0
        while True:
            target = self.target
            try:
                connection = await subscribe(
                    self._http, target, microphone=self.hearing.hear, reference=self.hearing.hear_avatar
                )
            except JoinError as error:
                if is_final(error):
                    if target != self.target:  # a new token came meanwhile
                        continue
                    log.warning("the gateway does not let asr listen; the session has no ears", reason=str(error))
                    return
                if not failures:
                    log.warning("the gateway cannot be heard; trying again", url=target.url, reason=str(error))
                failures += 1
                await asyncio.sleep(BACKOFF_S[min(failures, len(BACKOFF_S)) - 1])
                continue
            failures = 0
            self.state = "listening"
            log.info("listening")
            try:
                await connection.lost.wait()
            finally:
                self.state = "reconnecting"
                await connection.close()
            log.info("the gateway is gone; trying again")
            self.hearing.lost()

    def _publish(self, message: UtteranceEvent) -> None:
        if isinstance(message, TurnOver):
            END_OF_TURN_DELAY.observe(message.end_of_turn_delay / 1000)
            TRANSCRIPTION_DELAY.observe(message.transcription_delay / 1000)
        logger().debug("heard", **message.model_dump(exclude={"event_id", "turn", "at", "instance"}))
        self._outbox.put_nowait(message)

    async def _post(self) -> None:
        """One after the other; what cannot be said while Redis is away is not said late."""
        channel = utterances_channel(self.session)
        while True:
            await self._bus.publish(channel, await self._outbox.get())
