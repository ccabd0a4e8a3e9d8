"""One session's conversation: does what the state machine says. Its methods run one after the other."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from services.common.answering import Question
from services.common.errors import Problem
from services.common.logs import logger
from services.common.messages import (
    Cancel,
    Caption,
    Error,
    Event,
    Interrupted,
    Metrics,
    Playback,
    Transcript,
    control_channel,
)
from services.common.metrics import (
    INTERRUPTION_DETECTION_DELAY,
    INTERRUPTION_TO_SILENCE_MS,
)
from services.common.utterances import TurnOver
from services.orchestrator_api.lib import state
from services.orchestrator_api.lib.contracts import Cancelled
from services.orchestrator_api.lib.conversation.listening import Listener
from services.orchestrator_api.lib.conversation.preparing import Prepared
from services.orchestrator_api.lib.conversation.surroundings import Host, Surroundings
from services.orchestrator_api.lib.conversation.transcript import History
from services.orchestrator_api.lib.conversation.turn import Turn
from services.orchestrator_api.lib.state import Effect, State
from services.orchestrator_api.lib.upstream.http import ServiceError


class Conversation:
    """`turn`: the last number in use. Fills `listening.Floor`."""

    def __init__(self, host: Host, around: Surroundings, *, turn: int) -> None:
        self.state = State.LISTENING
        self.number = turn
        self.listener = Listener(self, clock=around.clock, after=around.after)
        self._host, self._around = host, around
        self._silenced = turn  # nothing of turns up to this one is told any more
        self._turn: Turn | None = None
        self._task: asyncio.Task[None] | None = None
        self._prepared = Prepared(lambda turn: host.spawn(self._conduct(turn)))
        self._history = History()
        self._saying = ""

    def end(self) -> None:
        """Nobody needs to wait for it any more."""
        if self._turn:
            self._turn.settled.set()

    # --- what people write and press ----------------------------------------------------------------------------------

    async def ask(self, question: str) -> Turn:
        """Start a turn; the one before it is cancelled."""
        self.listener.forget()
        turn = await self._asked(question)
        turn.begin()
        return turn

    async def cancel(self) -> Cancelled:
        """Stop speaking. Raises `Problem` 409 if there is nothing to stop."""
        self.listener.forget()
        await self._react(state.Event.CANCELLED)
        assert self._turn is not None  # what could be cancelled was there
        return Cancelled(session=self._host.id, turn=self._turn.number, heard_text=self._turn.heard_text())

    # --- what people say ----------------------------------------------------------------------------------------------

    @property
    def unheard_question(self) -> str:
        """As `listening.Floor` has it."""
        turn = self._turn
        return turn.question if turn and turn.by_voice and self.state.unheard else ""

    async def react_to_voice(self, event: state.Event, since: float) -> None:
        """As `listening.Floor` has it."""
        await self._react(event, since=since)

    async def answer(self, question: str, said: TurnOver | None) -> None:
        """As `listening.Floor` has it."""
        turn = await self._asked(question)
        self.transcribe(question, final=True)
        turn.begin(said, by_voice=True)

    async def prepare(self, question: str) -> None:
        """As `listening.Floor` has it. The turn has the number that it will have if the person is done."""
        if self.state is State.LISTENING and not self._prepared.answers(question):
            await self._prepared.begin(self._new_turn(question, self.number + 1))

    async def discard(self) -> None:
        """As `listening.Floor` has it."""
        await self._prepared.discard()

    def transcribe(self, text: str, *, final: bool) -> None:
        """As `listening.Floor` has it."""
        self._host.tell(Transcript(session=self._host.id, turn=self.number, text=text, final=final))

    def post(self, work: Callable[[], Awaitable[None]]) -> None:
        """As `listening.Floor` has it."""
        self._host.post(work)

    # --- what the renderer plays --------------------------------------------------------------------------------------

    async def rendered(self, event: Event) -> None:
        """Heard, or measured."""
        turn = self._turn
        if turn is None or event.turn != turn.number or event.turn <= self._silenced:
            return
        match event:
            case Metrics():
                turn.report(event)
            case Playback():
                turn.hear(event)
                self._host.tell(event)
                self._say(turn.saying())
                if event.phase == "started" and self.state.unheard:
                    await self._react(state.Event.PLAYBACK_STARTED)
            case Caption():
                self._host.tell(event)

    async def renderer_lost(self) -> None:
        """What was being said is gone with it."""
        if self.state is not State.LISTENING:
            sentence = "The renderer went away in the middle of the answer and is being brought back; ask again."
            await self._react(state.Event.FAILED, failure=ServiceError("renderer", sentence))

    # --- events and effects -------------------------------------------------------------------------------------------

    async def _asked(self, question: str) -> Turn:
        await self._react(state.Event.ASKED, question=question)
        assert self._turn is not None  # asking starts one in every state
        return self._turn

    async def _react(
        self,
        event: state.Event,
        *,
        question: str = "",
        failure: ServiceError | None = None,
        since: float | None = None,
    ) -> None:
        """`since`: when the voice set in that the event is about."""
        reaction = state.react(self.state, event)
        for effect in reaction.effects:
            match effect, self._turn:
                case Effect.START_TURN, _:
                    await self._start(question)
                case Effect.CANCEL_TURN, Turn() as turn:
                    await self._interrupt(turn, since)
                case Effect.FINISH_TURN, Turn() as turn:
                    self._history.add(turn.question, turn.answer.text)
                    self._say("")
                case Effect.FAIL_TURN, Turn() as turn:
                    await self._fail(turn, failure)
                case Effect.HOLD_TURN, Turn() as turn:
                    await self._hold(turn)
                case Effect.RELEASE_TURN, Turn() as turn:
                    await self._release(turn)
                case Effect.ANNOUNCE, _:
                    self.state = reaction.state
                    self._host.changed()
                case Effect.REFUSE, _:
                    shown = self.state.shown
                    raise Problem(409, f"The session is {shown}: {_REFUSALS[event]}", state=shown)
        self.state = reaction.state

    async def _start(self, question: str) -> None:
        self.number += 1
        if running := self._prepared.adopt(question):
            self._turn, self._task = running
            return
        await self._prepared.discard()
        self._turn = self._new_turn(question, self.number)
        self._task = self._host.spawn(self._conduct(self._turn))

    def _new_turn(self, text: str, number: int) -> Turn:
        question = Question(session=self._host.id, turn=number, text=text, history=self._history.messages())
        return Turn(
            question,
            self._around.services,
            voice=self._host.voice,
            buffer_ms=self._around.buffer_ms,
            clock=self._around.clock,
            tell=self._tell_of_turn,
        )

    def _tell_of_turn(self, event: Event) -> None:
        if event.turn > self._silenced:
            self._host.tell(event)

    async def _conduct(self, turn: Turn) -> None:
        structlog.contextvars.bind_contextvars(turn=turn.number)
        try:
            await turn.run()
        except* ServiceError as failures:
            self._host.post(partial(self._ended, turn, state.Event.FAILED, _first(failures)))
        else:
            self._host.post(partial(self._ended, turn, state.Event.FINISHED))

    async def _ended(self, turn: Turn, event: state.Event, failure: ServiceError | None = None) -> None:
        if not self._prepared.gave_up(turn) and turn is self._turn and turn.number > self._silenced:
            await self._react(event, failure=failure)

    async def _hold(self, turn: Turn) -> None:
        began = self._around.clock()
        turn.hold()
        try:
            turn.heard_ms = await self._around.services.renderer.pause(self._host.id, turn.number)
        except ServiceError as error:
            logger().warning("the renderer did not confirm the pause", turn=turn.number, reason=error.detail)
        turn.held_after_ms = self._since_ms(began)

    async def _release(self, turn: Turn) -> None:
        turn.held_after_ms = None
        turn.release()
        try:
            await self._around.services.renderer.resume(self._host.id, turn.number)
        except ServiceError as error:
            logger().warning("the renderer did not resume", turn=turn.number, reason=error.detail)

    async def _interrupt(self, turn: Turn, since: float | None) -> None:
        """`since`: when the voice set in that interrupts it; None: it is not a voice."""
        detection_ms = None if since is None else self._since_ms(since)
        silence_ms = await self._silence(turn)
        if turn.held_after_ms is not None:
            silence_ms = turn.held_after_ms  # it has been silent since then
        INTERRUPTION_TO_SILENCE_MS.observe(silence_ms)
        if detection_ms is not None:
            INTERRUPTION_DETECTION_DELAY.observe(detection_ms / 1000)
        self._host.tell(turn.metrics(interruption_detection_delay=detection_ms, interruption_to_silence_ms=silence_ms))
        self._host.tell(Interrupted(session=self._host.id, turn=turn.number, heard_text=turn.heard_text()))

    async def _fail(self, turn: Turn, failure: ServiceError | None) -> None:
        turn.failure = failure
        await self._silence(turn)
        if failure:
            logger().warning("a turn failed", turn=turn.number, service=failure.service, reason=failure.detail)
            title = f"The {failure.service} service failed"
            self._host.tell(Error(session=self._host.id, turn=turn.number, title=title, detail=failure.detail))

    async def _silence(self, turn: Turn) -> float:
        """Nothing more of the turn is told, synthesised or heard. How long the silence took, ms."""
        began = self._around.clock()
        self._silenced = turn.number
        if self._task:
            self._task.cancel()
        self._around.publisher.publish(control_channel(self._host.id), Cancel(session=self._host.id, turn=turn.number))
        try:
            turn.heard_ms = await self._around.services.renderer.cancel(self._host.id, turn.number)
        except ServiceError as error:
            logger().warning("the renderer did not confirm the cancel", turn=turn.number, reason=error.detail)
        silence_ms = self._since_ms(began)
        self._say("")
        if self._task:
            await asyncio.wait([self._task])
        self._history.add(turn.question, turn.heard_text())
        turn.settled.set()
        return silence_ms

    def _since_ms(self, began: float) -> float:
        return round((self._around.clock() - began) * 1000, 1)

    def _say(self, text: str) -> None:
        """What the avatar says about now; it is told when it changes."""
        if text != self._saying:
            self._saying = text
            self._around.ears.saying(self._host.id, self.number, text)


_REFUSALS = {
    state.Event.CANCELLED: "there is no answer to cancel.",
    state.Event.PLAYBACK_STARTED: "nothing can begin to play now.",
    state.Event.FINISHED: "there is no answer that could end.",
    state.Event.FAILED: "there is no answer that could fail.",
}


def _first(failures: BaseExceptionGroup[ServiceError]) -> ServiceError:
    """Which of the stages' failures to tell: the first one."""
    failure = failures.exceptions[0]
    return failure if isinstance(failure, ServiceError) else _first(failure)
