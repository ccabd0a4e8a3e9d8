"""One turn: its answer is written, synthesised and played at the same time. It runs as one task and ends with it."""

import asyncio
import contextlib
from collections.abc import Callable

from services.common.answering import Question
from services.common.logs import logger
from services.common.messages import Event, Metrics, Playback
from services.common.metrics import PLAYBACK_LATENCY, TTS_TTFB
from services.common.speech import Speech
from services.orchestrator_api.lib.answer import Answer
from services.orchestrator_api.lib.clauses import Clause
from services.orchestrator_api.lib.clients import Services, Voice
from services.orchestrator_api.lib.pacing import Pace
from services.orchestrator_api.lib.service import CALLERS_FAULT, ServiceError
from services.orchestrator_api.lib.transcript import SpokenWords
from services.orchestrator_api.lib.waterfall import Waterfall

PREFETCH_MS = 3000
"""The next clause is synthesised once less than this waits to be sent to the renderer."""

PATIENCE_S = 10.0
"""A renderer that for so long neither takes speech nor plays it to its end has lost it."""

REPORT_S = 0.25
"""How long after the last sound the renderer's numbers may take."""

Clock = Callable[[], float]
Tell = Callable[[Event], None]


class Turn:
    """`clock` gives steady seconds; `tell` takes the turn's events, in order."""

    def __init__(
        self, question: Question, services: Services, *, voice: Voice | None, buffer_ms: float, clock: Clock, tell: Tell
    ) -> None:
        self.number, self.question = question.turn, question.text
        self.waterfall = Waterfall(clock)
        self.answer = Answer(question, self.waterfall, tell)
        self.words = SpokenWords()
        self.heard_ms = 0.0
        self.failure: ServiceError | None = None
        self.settled = asyncio.Event()  # the text is complete, or it is known that it never will be
        self._session, self._services, self._voice = question.session, services, voice
        self._clock, self._tell = clock, tell
        self._clauses: asyncio.Queue[Clause | None] = asyncio.Queue()
        self._speech: asyncio.Queue[Speech | None] = asyncio.Queue()
        self._unsent_ms = 0
        self._room = asyncio.Event()
        self._pace = Pace(buffer_ms)
        self._first_sent_ms: float | None = None
        self._played, self._reported = asyncio.Event(), asyncio.Event()
        self._rendering = Metrics(session=question.session, turn=question.turn)

    async def run(self) -> None:
        """Returns when the last word was heard. Raises a group of `ServiceError`s where a service fails."""
        async with asyncio.TaskGroup() as stages:
            stages.create_task(self._write())
            stages.create_task(self._synthesise())
            stages.create_task(self._send())
        self._tell(self.metrics())

    def hear(self, playback: Playback) -> None:
        """The renderer played up to here."""
        self.heard_ms = max(self.heard_ms, playback.t)
        if playback.phase == "started" and self._first_sent_ms is not None:
            self.waterfall.mark("e2e_latency")
            PLAYBACK_LATENCY.observe((self.waterfall.now_ms() - self._first_sent_ms) / 1000)
            self._tell(self.metrics())
        if playback.phase == "finished":
            self._played.set()

    def heard_text(self) -> str:
        """The words that were heard so far."""
        return self.words.heard(self.heard_ms)

    def report(self, rendering: Metrics) -> None:
        """What the renderer measured."""
        self._rendering = rendering
        if rendering.render_ttff is not None and self._first_sent_ms is not None:
            self.waterfall.put("render_ttff", self._first_sent_ms + rendering.render_ttff)
        self._reported.set()

    def metrics(self, *, interruption_to_silence_ms: float | None = None) -> Metrics:
        """The waterfall as far as it is known."""
        seen = self._rendering.model_dump(include=_RENDERERS, exclude_none=True)
        return Metrics(
            session=self._session,
            turn=self.number,
            interruption_to_silence_ms=interruption_to_silence_ms,
            **seen,
            **self.waterfall.numbers(),
        )

    async def _write(self) -> None:
        async with contextlib.aclosing(self.answer.clauses(self._services.rag)) as clauses:
            async for clause in clauses:
                self._clauses.put_nowait(clause)
        self._clauses.put_nowait(None)
        self.settled.set()

    async def _synthesise(self) -> None:
        start = 0
        while (clause := await self._clauses.get()) is not None:
            while self._unsent_ms > PREFETCH_MS:
                self._room.clear()
                await self._room.wait()
            self.answer.cite(clause, start)
            start = await self._voice_clause(clause, start)
        self._speech.put_nowait(None)

    async def _voice_clause(self, clause: Clause, start: int) -> int:
        """Queue the clause's speech, its times shifted to `start` ms; returns where it ends."""
        asked, end = self._clock(), start
        tts = self._services.tts
        try:
            async with contextlib.aclosing(tts.speak(self._session, self.number, clause.text, self._voice)) as messages:
                async for speech in messages:
                    # The turn ends here if it is known by now that no clause follows; else a message without sound
                    # will say so: nothing that can be heard is ever held back.
                    shifted = speech.shifted(start, final=speech.final and self._no_clause_follows())
                    if shifted.chunks:
                        if end == start:
                            TTS_TTFB.observe(self._clock() - asked)
                        self.waterfall.mark("tts_ttfb")
                        end = shifted.t1
                    if any(viseme.v != "SIL" for viseme in shifted.visemes):
                        self.waterfall.mark("tts_ttfa")
                    self.words.add(shifted.words)
                    self._unsent_ms += shifted.t1 - shifted.t0
                    self._speech.put_nowait(shifted)
        except ServiceError as refused:
            if refused.status not in CALLERS_FAULT:
                raise
            logger().warning("a clause cannot be spoken", text=clause.text, reason=refused.detail)
        return end

    def _no_clause_follows(self) -> bool:
        return self.answer.complete and self._clauses.qsize() <= 1

    async def _send(self) -> None:
        last: Speech | None = None
        while (speech := await self._speech.get()) is not None:
            await self._deliver(speech)
            last = speech
        if last is None:
            return  # nothing in the answer can be said aloud
        if not last.final:
            await self._deliver(last.model_copy(update={"chunks": [], "visemes": [], "words": [], "final": True}))
        await self._hear_out()

    async def _deliver(self, speech: Speech) -> None:
        duration_ms = speech.t1 - speech.t0
        since = self._clock()
        if (wait_s := self._pace.wait_s(duration_ms, since)) > 0:
            await asyncio.sleep(wait_s)
        while True:
            if self._first_sent_ms is None:
                self._first_sent_ms = self.waterfall.now_ms()
            try:
                buffered_ms = await self._services.renderer.play(speech)
            except ServiceError as refused:
                if refused.status != 429 or self._clock() - since > PATIENCE_S:
                    raise
                await asyncio.sleep(refused.retry_after_s)
            else:
                break
        self._pace.accepted(buffered_ms, self._clock())
        self._unsent_ms -= duration_ms
        self._room.set()

    async def _hear_out(self) -> None:
        remaining_s = self._pace.buffered_ms(self._clock()) / 1000
        try:
            async with asyncio.timeout(remaining_s + PATIENCE_S):
                await self._played.wait()
        except TimeoutError:
            raise ServiceError("renderer", "The renderer did not play the answer to its end; ask again.") from None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REPORT_S):
                await self._reported.wait()


_RENDERERS = {"av_skew_ms", "final_fps", "buffer_ms", "underruns_total"}
