"""What the session makes of what it hears: when a voice holds the answer up, interrupts it, asks, or was nothing.

Two kinds of ears report. asr tells words (`services.common.utterances`); a front end with ears of its own tells only
that somebody speaks. No I/O in here; timers are handed in.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

from services.common.utterances import (
    Dismissed,
    EagerEndOfTurn,
    Partial,
    SpeechResumed,
    SpeechStarted,
    TurnOver,
    UtteranceEvent,
)
from services.orchestrator_api.lib.state import Event, State

LASTS_S = 0.4
"""A voice of which only its length is told interrupts once it has lasted so long."""

TELLS_S = 2.0
"""Ears that tell words have so long to say what a voice is. The answer is silent meanwhile, so the person loses nothing
by it, and an "mm-hm", which takes half a second to say and longer to be understood on a busy machine, does not end the
answer."""

LONGEST = 4000
"""Characters that a question may have."""

Work = Callable[[], Awaitable[None]]


class Timer(Protocol):
    """`asyncio.TimerHandle`, and what tests put in its place."""

    def cancel(self) -> None: ...


class Floor(Protocol):
    """The conversation, as whoever listens for it sees it."""

    @property
    def state(self) -> State: ...

    @property
    def unheard_question(self) -> str:
        """A spoken question of whose answer nothing has been heard yet, or blank."""
        ...

    async def react_to_voice(self, event: Event, since: float) -> None:
        """Let the event have its effects; the voice set in `since` this time of the clock."""
        ...

    async def answer(self, question: str, said: TurnOver | None) -> None:
        """Answer what was asked by voice; `said` tells how it was heard."""
        ...

    async def prepare(self, question: str) -> None:
        """Be ready to answer this, if the person is done."""
        ...

    async def discard(self) -> None:
        """The person is not done: what was prepared is void."""
        ...

    def transcribe(self, text: str, *, final: bool) -> None:
        """Show what the person says; a final one without a text was nothing."""
        ...

    def post(self, work: Work) -> None:
        """Do this after what is being done."""
        ...


class Listener:
    """One session's. `clock`: steady seconds; `after` calls back that many seconds later, unless it is cancelled."""

    def __init__(
        self, floor: Floor, *, clock: Callable[[], float], after: Callable[[float, Callable[[], None]], Timer]
    ) -> None:
        self._floor, self._clock, self._after = floor, clock, after
        self._utterance: tuple[str, int] | None = None  # that is going on
        self._ended: tuple[str, int] | None = None  # the newest that is over
        self._since = 0.0  # when the voice set in
        self._over_answer = False  # it set in while there was an answer
        self._backchannel: bool | None = None  # so far; None while no word is known
        self._unanswered = ""  # the question that this voice cut off, before anything of its answer was heard
        self._timer: Timer | None = None

    # --- front ends with ears of their own ----------------------------------------------------------------------------

    async def speaking(self, speaking: bool) -> None:
        """Somebody speaks, or no longer does."""
        if speaking:
            await self._voice_begins(self._clock(), LASTS_S)
        else:
            await self._voice_passes()
            if self._utterance is None:
                await self._take_up()

    # --- asr ----------------------------------------------------------------------------------------------------------

    async def hear(self, heard: UtteranceEvent) -> None:
        """Messages of one session, in order. What follows the end of its utterance is passed over."""
        utterance = (heard.instance, heard.utterance)
        if self._is_over(utterance):
            return
        if utterance != self._utterance:
            await self._begin(utterance, heard.onset_ms / 1000 if isinstance(heard, SpeechStarted) else 0.0)
        match heard:
            case Partial(text=text) if text:
                await self._partial(heard)
            case EagerEndOfTurn(text=text) if text.strip():
                await self._likely_over(heard)
            case SpeechResumed():
                await self._floor.discard()
                await self._voice_begins(self._clock(), TELLS_S)
            case TurnOver(text=text) if text.strip():
                self._backchannel = heard.backchannel
                await self._over(heard)
            case TurnOver() | Dismissed():
                await self._dismiss()

    async def lost(self, instance: str | None) -> None:
        """The ears are another run of asr by now, or there are none: what the one before has begun was nothing."""
        if self._utterance is not None and self._utterance[0] != instance:
            await self._dismiss()

    def forget(self) -> None:
        """Something else was asked, or the answer is not wanted: what was cut off stays unanswered."""
        self._unanswered = ""

    def _is_over(self, utterance: tuple[str, int]) -> bool:
        ended = self._ended
        return ended is not None and utterance[0] == ended[0] and utterance[1] <= ended[1]

    async def _begin(self, utterance: tuple[str, int], ago_s: float) -> None:
        if self._utterance is not None:
            await self._dismiss()  # asr died in the middle of it
        self._utterance, self._backchannel = utterance, None
        self._over_answer = self._floor.state is not State.LISTENING
        await self._voice_begins(self._clock() - ago_s, TELLS_S)

    async def _partial(self, heard: Partial) -> None:
        first_guess = self._backchannel is None and len(heard.text.split()) == 1
        self._backchannel = heard.backchannel
        self._floor.transcribe(heard.text, final=False)
        # What is guessed from a syllable is often wrong: "Got it" begins as "God". The next words tell, or the pause.
        if not (first_guess and self._over_answer and not heard.backchannel):
            await self._words()

    async def _likely_over(self, heard: EagerEndOfTurn) -> None:
        if heard.backchannel is not None:
            self._backchannel = heard.backchannel
        if self._over_answer and self._backchannel is not False:
            if self._backchannel:
                await self._voice_passes()
            return
        self._floor.transcribe(heard.text, final=False)
        await self._words()
        await self._floor.prepare(self._whole(heard.text))

    async def _over(self, said: TurnOver) -> None:
        if said.backchannel and self._over_answer:
            await self._dismiss()
            return
        await self._words()
        question = self._whole(said.text)
        self._end()
        self.forget()
        await self._floor.answer(question, said)

    async def _dismiss(self) -> None:
        self._end()
        self._floor.transcribe("", final=True)
        await self._floor.discard()
        await self._voice_passes()
        await self._take_up()

    def _end(self) -> None:
        self._ended, self._utterance = self._utterance, None

    def _whole(self, text: str) -> str:
        """Who goes on while the avatar still thinks adds to the question. Of one that is too long the end counts."""
        return f"{self._unanswered} {text.strip()}".strip()[-LONGEST:]

    async def _take_up(self) -> None:
        """The voice that cut a question off was nothing: the question still stands."""
        question, self._unanswered = self._unanswered, ""
        if question:
            await self._floor.answer(question, None)

    # --- the voice, whoever reports it --------------------------------------------------------------------------------

    async def _voice_begins(self, since: float, within_s: float) -> None:
        if self._floor.state.held:
            return
        self._since = since
        await self._floor.react_to_voice(Event.VOICE_BEGINS, since)
        if self._floor.state.held:
            self._arm(max(0.0, since + within_s - self._clock()))

    async def _words(self) -> None:
        self._disarm()  # it is known what it is
        if not (self._backchannel and self._over_answer):
            await self._interrupt(Event.WORDS)

    async def _voice_passes(self) -> None:
        self._disarm()
        await self._floor.react_to_voice(Event.VOICE_PASSES, self._since)

    async def _interrupt(self, event: Event) -> None:
        self._unanswered = self._floor.unheard_question or self._unanswered
        await self._floor.react_to_voice(event, self._since)

    def _arm(self, within_s: float) -> None:
        self._disarm()
        timer = self._timer = self._after(within_s, lambda: self._floor.post(partial(self._lasts, timer)))

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _lasts(self, timer: Timer) -> None:
        if timer is self._timer:  # and not one that was cancelled too late
            self._timer = None
            await self._interrupt(Event.VOICE_LASTS)
