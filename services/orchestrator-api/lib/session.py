"""One live session: does what its state machine says. One loop does everything in order; it alone writes events."""

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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
    State,
    control_channel,
    events_channel,
)
from services.common.metrics import INTERRUPTION_TO_SILENCE_MS
from services.orchestrator_api.lib import state
from services.orchestrator_api.lib.audience import Audience
from services.orchestrator_api.lib.bus import Publisher, Registry
from services.orchestrator_api.lib.clients import Face, Services, Voice
from services.orchestrator_api.lib.contracts import Cancelled, SessionView, latency_of
from services.orchestrator_api.lib.inbox import Inbox
from services.orchestrator_api.lib.service import ServiceError
from services.orchestrator_api.lib.state import Effect
from services.orchestrator_api.lib.transcript import History
from services.orchestrator_api.lib.turn import Turn

REFRESH_S, RETRY_REGISTRY_S = 15.0, 2.0

RETRY_FACE_S = (0.1, 0.2, 0.4, 0.8, 1.6, 2.0)
"""Waits between attempts to bring a lost avatar back; the last one repeats."""

STEADY_S = 5.0
"""A connection that held for so long is worth an immediate attempt once it breaks."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all sessions share. `clock`: steady seconds."""

    services: Services
    publisher: Publisher
    registry: Registry
    clock: Callable[[], float]
    buffer_ms: float


class Session:
    """`face` makes what puts the session's avatar on the air, with a fresh token. `turn`: the last number in use."""

    def __init__(
        self,
        id: str,
        around: Surroundings,
        *,
        face: Callable[["Session"], Face],
        avatar: str | None = None,
        voice: Voice | None = None,
        style: str | None = None,
        turn: int = 0,
    ) -> None:
        self.id, self.avatar, self.voice, self.style = id, avatar, voice, style
        self.audience = Audience()
        self.viewers = 0
        self.seen_at = around.clock()  # when somebody was known to watch
        self._face, self._around = face, around
        self._state = state.State.LISTENING
        self._number = turn
        self._silenced = turn  # nothing of turns up to this one is told any more
        self._turn: Turn | None = None
        self._task: asyncio.Task[None] | None = None
        self._latency: Metrics | None = None
        self._history = History()
        self._inbox = Inbox()
        self._changed = asyncio.Event()
        self._group = asyncio.TaskGroup()

    async def run(self) -> None:
        """Lives until it is cancelled."""
        structlog.contextvars.bind_contextvars(session=self.id)
        try:
            async with self._group:
                self._group.create_task(self._stay_registered())
                self._group.create_task(self._follow_renderer())
                await self._inbox.run()
        finally:
            self._inbox.close(Problem(404, f"Session {self.id} is over; open a new one with POST /session."))
            self.audience.end()
            if self._turn:
                self._turn.settled.set()

    # --- what others ask for ------------------------------------------------------------------------------------------

    async def ask(self, question: str) -> Turn:
        """Start a turn; the one before it is cancelled. Returns as soon as it runs."""
        return await self._inbox.do(partial(self._on_asked, question))

    async def cancel(self) -> Cancelled:
        """Stop speaking. Raises `Problem` 409 if there is nothing to stop."""
        return await self._inbox.do(self._on_cancelled)

    async def user_speaking(self, speaking: bool) -> None:
        """Somebody speaks: who is being answered interrupts the answer."""
        event = state.Event.USER_SPEAKING if speaking else state.Event.USER_SILENT
        await self._inbox.do(partial(self._react, event))

    async def restyle(self, style: str) -> str:
        """The preset now in force. Raises `Problem` 422 for one that is not there."""
        try:
            self.style = await self._around.services.renderer.restyle(self.id, style)
        except ServiceError as error:
            raise error.problem() from error
        self._changed.set()
        return self.style

    def now(self) -> State:
        """The state, as an event for somebody who has just come."""
        return State(session=self.id, turn=self._number, state=self._state.value)

    def view(self) -> SessionView:
        return SessionView(
            session=self.id,
            state=self._state.value,
            turn=self._number,
            viewers=self.viewers,
            style=self.style,
            latency=latency_of(self._latency) if self._latency else {},
        )

    # --- events and effects -------------------------------------------------------------------------------------------

    async def _on_asked(self, question: str) -> Turn:
        await self._react(state.Event.ASKED, question=question)
        assert self._turn is not None  # asking starts one in every state
        return self._turn

    async def _on_cancelled(self) -> Cancelled:
        await self._react(state.Event.CANCELLED)
        assert self._turn is not None  # what could be cancelled was there
        return Cancelled(session=self.id, turn=self._turn.number, heard_text=self._turn.heard_text())

    async def _react(self, event: state.Event, *, question: str = "", failure: ServiceError | None = None) -> None:
        reaction = state.react(self._state, event)
        for effect in reaction.effects:
            match effect, self._turn:
                case Effect.START_TURN, _:
                    self._start(question)
                case Effect.CANCEL_TURN, Turn() as turn:
                    await self._interrupt(turn)
                case Effect.FINISH_TURN, Turn() as turn:
                    self._history.add(turn.question, turn.answer.text)
                case Effect.FAIL_TURN, Turn() as turn:
                    await self._fail(turn, failure)
                case Effect.ANNOUNCE, _:
                    self._state = reaction.state
                    self._tell(self.now())
                    self._changed.set()
                case Effect.REFUSE, _:
                    raise Problem(409, f"The session is {self._state}: {_REFUSALS[event]}", state=self._state.value)

    def _start(self, text: str) -> None:
        self._number += 1
        question = Question(session=self.id, turn=self._number, text=text, history=self._history.messages())
        self._turn = Turn(
            question,
            self._around.services,
            voice=self.voice,
            buffer_ms=self._around.buffer_ms,
            clock=self._around.clock,
            tell=self._tell_of_turn,
        )
        self._task = self._group.create_task(self._conduct(self._turn))

    async def _conduct(self, turn: Turn) -> None:
        structlog.contextvars.bind_contextvars(turn=turn.number)
        try:
            await turn.run()
        except* ServiceError as failures:
            self._inbox.post(partial(self._on_ended, turn, state.Event.FAILED, _first(failures)))
        else:
            self._inbox.post(partial(self._on_ended, turn, state.Event.FINISHED))

    async def _on_ended(self, turn: Turn, event: state.Event, failure: ServiceError | None = None) -> None:
        if turn is self._turn and turn.number > self._silenced:
            await self._react(event, failure=failure)

    async def _interrupt(self, turn: Turn) -> None:
        silence_ms = await self._silence(turn)
        INTERRUPTION_TO_SILENCE_MS.observe(silence_ms)
        self._tell(turn.metrics(interruption_to_silence_ms=silence_ms))
        self._tell(Interrupted(session=self.id, turn=turn.number, heard_text=turn.heard_text()))

    async def _fail(self, turn: Turn, failure: ServiceError | None) -> None:
        turn.failure = failure
        await self._silence(turn)
        if failure:
            logger().warning("a turn failed", turn=turn.number, service=failure.service, reason=failure.detail)
            title = f"The {failure.service} service failed"
            self._tell(Error(session=self.id, turn=turn.number, title=title, detail=failure.detail))

    async def _silence(self, turn: Turn) -> float:
        """Nothing more of the turn is told, synthesised or heard. How long the silence took, ms."""
        began = self._around.clock()
        self._silenced = turn.number
        if self._task:
            self._task.cancel()
        self._around.publisher.publish(control_channel(self.id), Cancel(session=self.id, turn=turn.number))
        try:
            turn.heard_ms = await self._around.services.renderer.cancel(self.id, turn.number)
        except ServiceError as error:
            logger().warning("the renderer did not confirm the cancel", turn=turn.number, reason=error.detail)
        silence_ms = round((self._around.clock() - began) * 1000, 1)
        if self._task:
            await asyncio.wait([self._task])
        self._history.add(turn.question, turn.heard_text())
        turn.settled.set()
        return silence_ms

    # --- the renderer -------------------------------------------------------------------------------------------------

    async def _follow_renderer(self) -> None:
        """Hear what is played; when the avatar is lost, put it on the air again."""
        renderer, waits = self._around.services.renderer, _waits()
        while True:
            connected_at = self._around.clock()
            try:
                async with contextlib.aclosing(renderer.events(self.id)) as events:
                    async for event in events:
                        self._inbox.post(partial(self._on_rendered, event))
                logger().warning("the renderer ended the session's events")
            except ServiceError as error:
                logger().warning("the renderer's events broke off", reason=error.detail)
            self._inbox.post(self._on_renderer_lost)
            if self._around.clock() - connected_at > STEADY_S:
                waits = _waits()
            await self._reopen_face(waits)

    async def _reopen_face(self, waits: Iterator[float]) -> None:
        while True:
            await asyncio.sleep(next(waits))
            try:
                await self._around.services.renderer.open(self._face(self))
            except ServiceError as error:
                logger().debug("the avatar is not back yet", reason=error.detail)
            else:
                logger().info("the avatar is back")
                return

    async def _on_rendered(self, event: Event) -> None:
        turn = self._turn
        if turn is None or event.turn != turn.number or event.turn <= self._silenced:
            return
        match event:
            case Metrics():
                turn.report(event)
            case Playback():
                turn.hear(event)
                self._tell(event)
                if event.phase == "started" and self._state is state.State.THINKING:
                    await self._react(state.Event.PLAYBACK_STARTED)
            case Caption():
                self._tell(event)

    async def _on_renderer_lost(self) -> None:
        if self._state is not state.State.LISTENING:
            sentence = "The renderer went away in the middle of the answer and is being brought back; ask again."
            await self._react(state.Event.FAILED, failure=ServiceError("renderer", sentence))

    # --- telling ------------------------------------------------------------------------------------------------------

    def _tell(self, event: Event) -> None:
        if isinstance(event, Metrics):
            self._latency = event
        self.audience.tell(event)
        self._around.publisher.publish(events_channel(self.id), event)

    def _tell_of_turn(self, event: Event) -> None:
        if event.turn > self._silenced:
            self._tell(event)

    async def _stay_registered(self) -> None:
        while True:
            self._changed.clear()
            saved = await self._around.registry.save(self.id, self._entry())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REFRESH_S if saved else RETRY_REGISTRY_S):
                    await self._changed.wait()

    def _entry(self) -> dict[str, str | int]:
        return {
            "state": self._state.value,
            "turn": self._number,
            "renderer": self._around.services.renderer.address,
            "gateway": self._around.services.gateway.address,
            "avatar": self.avatar or "",
            "voice": self.voice.name if self.voice else "",
            "voice_token": (self.voice and self.voice.token) or "",
            "style": self.style or "",
        }


_REFUSALS = {
    state.Event.CANCELLED: "there is no answer to cancel.",
    state.Event.PLAYBACK_STARTED: "nothing can begin to play now.",
    state.Event.FINISHED: "there is no answer that could end.",
    state.Event.FAILED: "there is no answer that could fail.",
}


def _waits() -> Iterator[float]:
    return itertools.chain(RETRY_FACE_S, itertools.repeat(RETRY_FACE_S[-1]))


def _first(failures: BaseExceptionGroup[ServiceError]) -> ServiceError:
    """Which of the stages' failures to tell: the first one."""
    failure = failures.exceptions[0]
    return failure if isinstance(failure, ServiceError) else _first(failure)
