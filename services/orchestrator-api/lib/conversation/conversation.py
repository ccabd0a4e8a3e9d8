"""One session's conversation: an actor. What happens to it goes into its mailbox and is dealt with in order of arrival;
it alone writes the session's events.

A question's way: `ask` puts it into the mailbox, the state machine (`lib/state.py`) decides, `_start` runs a `Turn`,
and the turn tells its events through `tell`.
"""

import asyncio
from collections.abc import Callable
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
    events_channel,
)
from services.common.messages import State as StateEvent
from services.common.metrics import INTERRUPTION_DETECTION_DELAY, INTERRUPTION_TO_SILENCE_MS
from services.common.utterances import TurnOver, UtteranceEvent
from services.orchestrator_api.lib import state
from services.orchestrator_api.lib.contracts import Cancelled
from services.orchestrator_api.lib.conversation import listening
from services.orchestrator_api.lib.conversation.audience import Audience
from services.orchestrator_api.lib.conversation.context import Context, Timer
from services.orchestrator_api.lib.conversation.listening import Listening, Steps
from services.orchestrator_api.lib.conversation.mailbox import Mailbox
from services.orchestrator_api.lib.conversation.preemptive import PreemptiveGeneration
from services.orchestrator_api.lib.conversation.transcript import History
from services.orchestrator_api.lib.conversation.turn import Turn
from services.orchestrator_api.lib.state import Effect, State
from services.orchestrator_api.lib.upstream.http import ServiceError
from services.orchestrator_api.lib.upstream.tts import Voice


class Conversation:
    """`turn`: the last number in use. `changed` is called each time that the state is another one."""

    def __init__(
        self, session: str, context: Context, *, voice: Voice | None, turn: int, changed: Callable[[], None]
    ) -> None:
        self.session = session
        self.state = State.LISTENING
        self.number = turn
        self.latency: Metrics | None = None
        self.audience = Audience()
        self._context, self._voice, self._changed = context, voice, changed
        self._mailbox = Mailbox()
        self._turns = asyncio.TaskGroup()
        self._turn: Turn | None = None
        self._task: asyncio.Task[None] | None = None
        self._preemptive = PreemptiveGeneration(self._run)
        self._history = History()
        self._listening = Listening(self, context.clock)
        self._heard_by: str | None = None  # the run of asr that listens
        self._timer: Timer | None = None
        self._saying = ""

    async def run(self) -> None:
        """Without end; its turns end with it."""
        async with self._turns:
            await self._mailbox.run()

    def fail(self) -> None:
        """A bug ends the session: whoever follows it, or waits for its answer, is told."""
        failure = ServiceError("orchestrator-api", "Something unexpected went wrong; open a new session.")
        if self._turn and not self._turn.settled.is_set():
            self._turn.failure = failure
        title = "The session failed"
        self.tell(Error(session=self.session, turn=self.number, title=title, detail=failure.detail))

    def end(self) -> None:
        """It does not run any more: nobody needs to wait for it."""
        self._mailbox.close(Problem(404, f"Session {self.session} is over; open a new one with POST /session."))
        self.audience.end()
        if self._turn:
            self._turn.settled.set()

    # --- what goes into the mailbox -----------------------------------------------------------------------------------

    async def ask(self, question: str) -> Turn:
        """Start a turn; the one before it is cancelled. Returns as soon as it runs."""
        return await self._mailbox.do(partial(self._ask, question))

    async def cancel(self) -> Cancelled:
        """Stop speaking. Raises `Problem` 409 if there is nothing to stop."""
        return await self._mailbox.do(self._cancel)

    async def user_speaking(self, speaking: bool) -> None:
        """Somebody speaks, or no longer does: the answer stands still, and is interrupted or goes on."""
        await self._mailbox.do(partial(self._follow, self._listening.user_speaking(speaking)))

    def hear(self, heard: UtteranceEvent) -> None:
        """asr reports this of the session's microphone."""
        self._mailbox.post(partial(self._follow, self._listening.hear(heard)))

    def heard_by(self, instance: str | None) -> None:
        """From now on this run of asr listens; None: none does."""
        self._mailbox.post(partial(self._on_heard_by, instance))

    def rendered(self, event: Event) -> None:
        """The renderer has played this, or measured it."""
        self._mailbox.post(partial(self._on_rendered, event))

    def renderer_lost(self) -> None:
        """What was being said is gone with it."""
        self._mailbox.post(self._on_renderer_lost)

    # --- what can be known at any time --------------------------------------------------------------------------------

    def now(self) -> StateEvent:
        """The state, as an event for somebody who has just come."""
        ears = self._heard_by is not None
        return StateEvent(session=self.session, turn=self.number, state=self.state.shown, ears=ears)

    @property
    def unheard_question(self) -> str:
        """A spoken question of whose answer nothing has been heard yet, or blank."""
        turn = self._turn
        return turn.question if turn and turn.by_voice and self.state.unheard else ""

    def tell(self, event: Event) -> None:
        """Tell everybody who follows the session, here and on the bus."""
        if isinstance(event, Metrics):
            self.latency = event
        self.audience.tell(event)
        self._context.publisher.publish(events_channel(self.session), event)

    # --- what people write, press and say -----------------------------------------------------------------------------

    async def _ask(self, question: str) -> Turn:
        self._listening.forget()
        turn = await self._asked(question)
        turn.begin()
        return turn

    async def _cancel(self) -> Cancelled:
        self._listening.forget()
        await self._react(state.Event.CANCELLED)
        assert self._turn is not None  # else the event was refused
        return Cancelled(session=self.session, turn=self._turn.number, heard_text=self._turn.heard_text())

    async def _follow(self, steps: Steps) -> None:
        """Do what listening says."""
        for step in steps:
            match step:
                case listening.VoiceDid(event, since):
                    await self._react(event, since=since)
                case listening.SetTimer(within_s):
                    self._set_timer(within_s)
                case listening.StopTimer():
                    self._stop_timer()
                case listening.ShowTranscript(text, final):
                    self._show(text, final=final)
                case listening.GeneratePreemptively(question):
                    await self._generate_preemptively(question)
                case listening.DiscardPreemptive():
                    await self._preemptive.discard()
                case listening.AnswerAloud(question, said):
                    await self._answer_aloud(question, said)

    async def _answer_aloud(self, question: str, said: TurnOver | None) -> None:
        turn = await self._asked(question)
        self._show(question, final=True)
        turn.begin(said, by_voice=True)

    async def _generate_preemptively(self, question: str) -> None:
        """The turn has the number that it will have if the person is done."""
        if self.state is State.LISTENING and not self._preemptive.answers(question):
            await self._preemptive.begin(self._new_turn(question, self.number + 1))

    def _show(self, text: str, *, final: bool) -> None:
        self.tell(Transcript(session=self.session, turn=self.number, text=text, final=final))

    async def _on_heard_by(self, instance: str | None) -> None:
        await self._follow(self._listening.heard_by(instance))
        listened = self._heard_by is not None
        self._heard_by = instance
        if listened is not (instance is not None):
            self.tell(self.now())

    def _set_timer(self, within_s: float) -> None:
        self._stop_timer()
        post = self._mailbox.post
        timer = self._timer = self._context.after(within_s, lambda: post(partial(self._on_timer, timer)))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _on_timer(self, timer: Timer) -> None:
        if timer is self._timer:  # and not one that was cancelled too late
            self._timer = None
            await self._follow(self._listening.voice_lasts())

    # --- what the renderer plays --------------------------------------------------------------------------------------

    async def _on_rendered(self, event: Event) -> None:
        turn = self._turn
        if turn is None or event.turn != turn.number or turn.silenced:
            return
        match event:
            case Metrics():
                turn.report(event)
            case Playback():
                turn.hear(event)
                self.tell(event)
                self._say(turn.saying())
                if event.phase == "started" and self.state.unheard:
                    await self._react(state.Event.PLAYBACK_STARTED)
            case Caption():
                self.tell(event)

    async def _on_renderer_lost(self) -> None:
        if self.state is not State.LISTENING:
            sentence = "The renderer went away in the middle of the answer and is being brought back; ask again."
            await self._react(state.Event.FAILED, failure=ServiceError("renderer", sentence))

    # --- events and effects -------------------------------------------------------------------------------------------

    async def _asked(self, question: str) -> Turn:
        await self._react(state.Event.ASKED, question=question)
        assert self._turn is not None  # it starts one in every state
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
                    await turn.hold()
                case Effect.RELEASE_TURN, Turn() as turn:
                    await turn.release()
                case Effect.ANNOUNCE, _:
                    self.state = reaction.state
                    self.tell(self.now())
                    self._changed()
                case Effect.REFUSE, _:
                    shown = self.state.shown
                    raise Problem(409, f"The session is {shown}: {state.REFUSALS[event]}", state=shown)
        self.state = reaction.state

    async def _start(self, question: str) -> None:
        self.number += 1
        if running := self._preemptive.adopt(question):
            self._turn, self._task = running
            return
        await self._preemptive.discard()
        self._turn = self._new_turn(question, self.number)
        self._task = self._run(self._turn)

    def _new_turn(self, text: str, number: int) -> Turn:
        question = Question(session=self.session, turn=number, text=text, history=self._history.messages())
        return Turn(
            question,
            self._context.services,
            voice=self._voice,
            buffer_ms=self._context.buffer_ms,
            clock=self._context.clock,
            tell=self.tell,
        )

    def _run(self, turn: Turn) -> asyncio.Task[None]:
        return self._turns.create_task(self._conduct(turn))

    async def _conduct(self, turn: Turn) -> None:
        structlog.contextvars.bind_contextvars(turn=turn.number)
        try:
            await turn.run()
        except ServiceError as failure:
            self._mailbox.post(partial(self._on_ended, turn, state.Event.FAILED, failure))
        else:
            self._mailbox.post(partial(self._on_ended, turn, state.Event.FINISHED))

    async def _on_ended(self, turn: Turn, event: state.Event, failure: ServiceError | None = None) -> None:
        if not self._preemptive.gave_up(turn) and turn is self._turn and not turn.silenced:
            await self._react(event, failure=failure)

    async def _interrupt(self, turn: Turn, since: float | None) -> None:
        """`since`: when the voice set in that interrupts it; None: it is not a voice."""
        detection_ms = None if since is None else round((self._context.clock() - since) * 1000, 1)
        silence_ms = await self._silence(turn)
        if turn.held_after_ms is not None:
            silence_ms = turn.held_after_ms  # it has been silent since then
        INTERRUPTION_TO_SILENCE_MS.observe(silence_ms)
        if detection_ms is not None:
            INTERRUPTION_DETECTION_DELAY.observe(detection_ms / 1000)
        self.tell(turn.metrics(interruption_detection_delay=detection_ms, interruption_to_silence_ms=silence_ms))
        self.tell(Interrupted(session=self.session, turn=turn.number, heard_text=turn.heard_text()))

    async def _fail(self, turn: Turn, failure: ServiceError | None) -> None:
        turn.failure = failure
        await self._silence(turn)
        if failure:
            logger().warning("a turn failed", turn=turn.number, service=failure.service, reason=failure.detail)
            title = f"The {failure.service} service failed"
            self.tell(Error(session=self.session, turn=turn.number, title=title, detail=failure.detail))

    async def _silence(self, turn: Turn) -> float:
        """Nothing more of the turn is told, synthesised or heard. How long the silence took, ms."""
        if self._task:
            self._task.cancel()
        self._context.publisher.publish(control_channel(self.session), Cancel(session=self.session, turn=turn.number))
        silence_ms = await turn.silence()
        self._say("")
        if self._task:
            await asyncio.wait([self._task])
        self._history.add(turn.question, turn.heard_text())
        turn.settled.set()
        return silence_ms

    def _say(self, text: str) -> None:
        """What the avatar says about now; it is told when it changes."""
        if text != self._saying:
            self._saying = text
            self._context.transcription.avatar_says(self.session, self.number, text)
