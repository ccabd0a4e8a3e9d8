"""One turn: its answer is written, synthesised and played at the same time. It runs as one task and ends with it.

It may run preemptively, while the person might still go on: until `begin` its first clause is read and synthesised, and
nothing of it is told, counted or sent. Ending its task then leaves no trace.
"""

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial

from services.common.answering import Question
from services.common.logs import logger
from services.common.messages import Event, Metrics, Playback
from services.common.metrics import PLAYBACK_LATENCY, TTS_TTFB
from services.common.speech import Speech
from services.common.utterances import TurnOver
from services.orchestrator_api.lib.conversation.answer import Answer
from services.orchestrator_api.lib.conversation.transcript import SpokenWords
from services.orchestrator_api.lib.speaking.clauses import Clause
from services.orchestrator_api.lib.speaking.pacing import Pace
from services.orchestrator_api.lib.speaking.waterfall import Waterfall
from services.orchestrator_api.lib.upstream.http import CALLERS_FAULT, ServiceError
from services.orchestrator_api.lib.upstream.services import Services
from services.orchestrator_api.lib.upstream.tts import Voice

PREFETCH_MS = 3000
"""The next clause is synthesised once less than this waits to be sent to the renderer."""

PATIENCE_S = 10.0
"""A renderer that for so long neither takes speech nor plays it to its end has lost it."""

REPORT_S = 0.25
"""How long after the last sound the renderer's numbers may take."""

Clock = Callable[[], float]
Tell = Callable[[Event], None]


class Turn:
    """`clock` gives steady seconds; `tell` takes the turn's events, in order, once it has begun."""

    def __init__(
        self, question: Question, services: Services, *, voice: Voice | None, buffer_ms: float, clock: Clock, tell: Tell
    ) -> None:
        self.number, self.question = question.turn, question.text
        self.by_voice = False
        self.waterfall = Waterfall(clock)
        self.answer = Answer(question, self.waterfall)
        self.words = SpokenWords()
        self.heard_ms = 0.0
        self.held_after_ms: float | None = None  # how long it took to silence it, while it is held
        self.failure: ServiceError | None = None
        self.settled = asyncio.Event()  # the text is complete, or it is known that it never will be
        self.silenced = False  # nothing of it is told any more
        self._session, self._services, self._voice = question.session, services, voice
        self._clock, self._hand_on = clock, tell
        self._said: TurnOver | None = None
        self._begun = asyncio.Event()
        self._withheld: list[Callable[[], None]] = []
        self._moves = asyncio.Event()  # unless it is held
        self._moves.set()
        self._patience: asyncio.Timeout | None = None
        self._clauses: asyncio.Queue[Clause | None] = asyncio.Queue()
        self._speech: asyncio.Queue[Speech | None] = asyncio.Queue()
        self._unsent_ms = 0
        self._room = asyncio.Event()
        self._pace = Pace(buffer_ms)
        self._first_sent_ms: float | None = None
        self._played, self._reported = asyncio.Event(), asyncio.Event()
        self._rendering = Metrics(session=question.session, turn=question.turn)

    async def run(self) -> None:
        """Returns when the last word was heard. Raises the `ServiceError` of the service that fails first."""
        try:
            async with asyncio.TaskGroup() as stages:
                stages.create_task(self._write())
                stages.create_task(self._synthesise())
                stages.create_task(self._send())
        except ExceptionGroup as failed:
            failures, bugs = failed.split(ServiceError)
            if failures is None or bugs is not None:
                raise
            raise _first(failures) from failed
        self._tell(self.metrics())

    def begin(self, said: TurnOver | None = None, *, by_voice: bool = False) -> None:
        """The question stands: what is known of the answer is told, and the rest follows. `said`: how it was heard."""
        self._said, self.by_voice = said, by_voice
        self.waterfall.start(self._clock() - (said.end_of_turn_delay / 1000 if said else 0.0))
        self._begun.set()
        for act in self._withheld:
            act()
        self._withheld.clear()

    async def hold(self) -> None:
        """Nothing more is sent or played, and nothing is expected of the renderer, until it is released."""
        began = self._clock()
        self._moves.clear()
        self._pace.hold(began)
        self._be_patient()
        try:
            self.heard_ms = await self._services.renderer.pause(self._session, self.number)
        except ServiceError as error:
            logger().warning("the renderer did not confirm the pause", turn=self.number, reason=error.detail)
        self.held_after_ms = self._since_ms(began)

    async def release(self) -> None:
        """It goes on where it stood."""
        self.held_after_ms = None
        self._pace.release(self._clock())
        self._moves.set()
        self._be_patient()
        try:
            await self._services.renderer.resume(self._session, self.number)
        except ServiceError as error:
            logger().warning("the renderer did not resume", turn=self.number, reason=error.detail)

    async def silence(self) -> float:
        """Nothing more of it is told or heard. How long it took the renderer to fall silent, ms."""
        began = self._clock()
        self.silenced = True
        try:
            self.heard_ms = await self._services.renderer.cancel(self._session, self.number)
        except ServiceError as error:
            logger().warning("the renderer did not confirm the cancel", turn=self.number, reason=error.detail)
        return self._since_ms(began)

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

    def saying(self) -> str:
        """The clauses that are being heard about now."""
        return self.words.around(self.heard_ms)

    def report(self, rendering: Metrics) -> None:
        """What the renderer measured."""
        self._rendering = rendering
        if rendering.render_ttff is not None and self._first_sent_ms is not None:
            self.waterfall.put("render_ttff", self._first_sent_ms + rendering.render_ttff)
        self._reported.set()

    def metrics(self, **more: float | None) -> Metrics:
        """The waterfall as far as it is known, and whatever else is known by the names of `Metrics`."""
        seen = self._rendering.model_dump(include=_RENDERERS, exclude_none=True)
        heard = self._said.model_dump(include=_ASRS) if self._said else {}
        numbers = more | seen | heard | self.waterfall.numbers()
        return Metrics.model_validate(numbers | {"session": self._session, "turn": self.number})

    def _tell(self, event: Event) -> None:
        if not self.silenced:
            self._once_begun(lambda: self._hand_on(event))

    def _since_ms(self, began: float) -> float:
        return round((self._clock() - began) * 1000, 1)

    def _once_begun(self, act: Callable[[], None]) -> None:
        if self._begun.is_set():
            act()
        else:
            self._withheld.append(act)

    async def _write(self) -> None:
        async with contextlib.aclosing(self.answer.read(self._services.rag)) as answer:
            async for item in answer:
                if isinstance(item, Clause):
                    self._clauses.put_nowait(item)
                else:
                    self._tell(item)
        self._clauses.put_nowait(None)
        self.settled.set()

    async def _synthesise(self) -> None:
        start = 0
        while (clause := await self._clauses.get()) is not None:
            while self._unsent_ms > PREFETCH_MS:
                self._room.clear()
                await self._room.wait()
            for citation in self.answer.citations(clause, start):
                self._tell(citation)
            start = await self._voice_clause(clause, start)
            await self._begun.wait()  # of an answer that may never be given one clause is enough
        self._speech.put_nowait(None)

    async def _voice_clause(self, clause: Clause, start: int) -> int:
        """Queue the clause's speech, its times shifted to `start` ms; returns where it ends."""
        asked, end = self._clock(), start
        self.words.begin(start, clause.text)
        tts = self._services.tts
        try:
            async with contextlib.aclosing(tts.speak(self._session, self.number, clause.text, self._voice)) as messages:
                async for speech in messages:
                    # The turn ends here if it is known by now that no clause follows; else a message without sound
                    # will say so: nothing that can be heard is ever held back.
                    shifted = speech.shifted(start, final=speech.final and self._no_clause_follows())
                    if shifted.chunks:
                        if end == start:
                            took = self._clock() - asked
                            self._once_begun(partial(TTS_TTFB.observe, took))
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
            logger().warning("a clause cannot be spoken", reason=refused.detail)
        return end

    def _no_clause_follows(self) -> bool:
        return self.answer.complete and self._clauses.qsize() <= 1

    async def _send(self) -> None:
        await self._begun.wait()
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
        await self._room_for(duration_ms)
        since = self._clock()
        while True:
            if self._first_sent_ms is None:
                self._first_sent_ms = self.waterfall.now_ms()
            try:
                buffered_ms = await self._services.renderer.play(speech)
            except ServiceError as refused:
                if refused.status != 429 or self._clock() - since > PATIENCE_S:
                    raise
                await asyncio.sleep(refused.retry_after_s)
                if not self._moves.is_set():
                    await self._moves.wait()
                    since = self._clock()
            else:
                break
        self._pace.accepted(buffered_ms, self._clock())
        self._unsent_ms -= duration_ms
        self._room.set()

    async def _room_for(self, duration_ms: int) -> None:
        while True:
            await self._moves.wait()
            if (wait_s := self._pace.wait_s(duration_ms, self._clock())) <= 0:
                return
            await asyncio.sleep(wait_s)

    async def _hear_out(self) -> None:
        try:
            async with asyncio.timeout(None) as self._patience:
                self._be_patient()
                await self._played.wait()
        except TimeoutError:
            raise ServiceError("renderer", "The renderer did not play the answer to its end; ask again.") from None
        finally:
            self._patience = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REPORT_S):
                await self._reported.wait()

    def _be_patient(self) -> None:
        """How long the end of the turn may take, from now on: for ever while it is held."""
        if self._patience is None or self._patience.expired():
            return
        remaining_s = self._pace.buffered_ms(self._clock()) / 1000 + PATIENCE_S
        held = not self._moves.is_set()
        self._patience.reschedule(None if held else asyncio.get_running_loop().time() + remaining_s)


_RENDERERS = {"av_skew_ms", "final_fps", "buffer_ms", "underruns_total"}
_ASRS = {"end_of_turn_delay", "transcription_delay"}


def _first(failures: ExceptionGroup[ServiceError]) -> ServiceError:
    failure = failures.exceptions[0]
    return failure if isinstance(failure, ServiceError) else _first(failure)
