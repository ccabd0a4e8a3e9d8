"""One session's transcriber: joins the gateway, again and again if need be, and publishes what its pipeline finds."""

import asyncio
from collections.abc import Callable
from typing import Literal, ParamSpec

import httpx
import stamina
from structlog.typing import FilteringBoundLogger

from services.asr.pipeline import Guard, SpeechPipeline
from services.asr.sessions.subscription import is_final, subscribe
from services.common.background import Background
from services.common.bus import Bus
from services.common.logs import logger
from services.common.metrics import END_OF_TURN_DELAY, TRANSCRIPTION_DELAY
from services.common.utterances import TurnOver, UtteranceEvent, WhyEnded, utterances_channel
from services.common.whip import Connection, JoinError, Target

RETRY_S = (0.2, 5.0)
"""The first and the longest wait between two attempts to join."""

ListeningState = Literal["connecting", "listening", "reconnecting", "ended"]

NewPipeline = Callable[[str, Callable[[UtteranceEvent], None], Guard], SpeechPipeline]
"""Makes a pipeline of a session's id, the function that publishes its events, and its guard."""

P = ParamSpec("P")


class SessionTranscriber:
    """Listens from `start` until its state is `ended`: by `close`, by a gateway that refuses its token, or by a fault.

    A fault, in the pipeline too, ends this session alone, and is logged. Where it ends without `close` it publishes
    `listening_ended`: who wants the session listened to opens it again, with a new token.
    """

    def __init__(
        self, session: str, target: Target, http: httpx.AsyncClient, bus: Bus, new_pipeline: NewPipeline
    ) -> None:
        self.session, self.target = session, target
        self.state: ListeningState = "connecting"
        self._http, self._bus = http, bus
        self._outbox: asyncio.Queue[UtteranceEvent] = asyncio.Queue()
        self._fault: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.pipeline = new_pipeline(session, self._publish, self._guard)
        self._running: asyncio.Task[None] | None = None

    def start(self, background: Background) -> None:
        """Listen from now on."""
        self._running = background.spawn(f"transcriber of session {self.session}", self._run())

    async def close(self) -> None:
        """Leave the gateway; nothing is published any more."""
        if self._running:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                others = [tasks.create_task(self._post()), tasks.create_task(self._raise_fault())]
                await self._listen()
                for task in others:
                    task.cancel()
        except Exception:
            await self._tell_end("fault")
            raise
        else:
            await self._tell_end("refused")
        finally:
            self.state = "ended"
            self.pipeline.close()

    async def _tell_end(self, reason: WhyEnded) -> None:
        self.state = "ended"  # first: who is told may open the session again at once
        await self._bus.publish(utterances_channel(self.session), self.pipeline.ended(reason))

    async def _listen(self) -> None:
        """Until the gateway refuses to let asr in."""
        log = logger().bind(session=self.session)
        while (connection := await self._join(log)) is not None:
            self.state = "listening"
            log.info("listening")
            try:
                await connection.lost.wait()
            finally:
                self.state = "reconnecting"
                await connection.close()
            log.info("the gateway is gone; trying again")
            self.pipeline.lost()

    async def _join(self, log: FilteringBoundLogger) -> Connection | None:
        """A connection to the gateway, after as many attempts as it takes; None if the gateway refuses for good."""
        asked, told = self.target, False

        def may_work_again(error: Exception) -> bool:
            nonlocal told
            if not isinstance(error, JoinError) or (is_final(error) and asked == self.target):
                return False  # of another target a new token is known by now
            if not told:
                log.warning("the gateway cannot be heard; trying again", url=asked.url, reason=str(error))
            told = True
            return True

        first, longest = RETRY_S
        try:
            async for attempt in stamina.retry_context(
                may_work_again, attempts=None, timeout=None, wait_initial=first, wait_max=longest, wait_jitter=0
            ):
                with attempt:
                    asked = self.target
                    return await subscribe(
                        self._http,
                        asked,
                        microphone=self._guard(self.pipeline.hear),
                        reference=self._guard(self.pipeline.hear_avatar),
                    )
        except JoinError as error:
            log.warning("the gateway does not let asr listen; the session has no ears", reason=str(error))
        return None

    def _guard(self, act: Callable[P, None]) -> Callable[P, None]:
        """A connection, a timer and the queue all have other owners: what they call must not raise there, but here."""

        def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
            try:
                act(*args, **kwargs)
            except Exception as error:
                if not self._fault.done():
                    self._fault.set_exception(error)

        return guarded

    async def _raise_fault(self) -> None:
        await self._fault

    def _publish(self, event: UtteranceEvent) -> None:
        if isinstance(event, TurnOver):
            END_OF_TURN_DELAY.observe(event.end_of_turn_delay / 1000)
            TRANSCRIPTION_DELAY.observe(event.transcription_delay / 1000)
        logger().debug("heard", **event.model_dump(exclude={"event_id", "turn", "at", "instance"}))
        self._outbox.put_nowait(event)

    async def _post(self) -> None:
        """One after the other; what cannot be said while Redis is away is not said late."""
        channel = utterances_channel(self.session)
        while True:
            await self._bus.publish(channel, await self._outbox.get())
