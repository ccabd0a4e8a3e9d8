"""What a conversation makes of what it hears: when a voice holds the answer up, interrupts it, asks, or was nothing.

Two kinds of sources report. asr tells words (`services.common.utterances`); a front end that listens by itself tells
only that somebody speaks. Pure: what comes in are messages, what comes out are the steps to carry out, in order. Each
step has to be carried out before the next is asked for, because it changes what the next one depends on.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
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
"""asr has so long to say what a voice is. The answer is silent meanwhile, so the person loses nothing by it, and an
"mm-hm", which takes half a second to say and longer to be understood on a busy machine, does not end the answer."""

LONGEST = 4000
"""Characters that a question may have."""


@dataclass(frozen=True, slots=True)
class VoiceDid:
    """The state machine has to react to this event; the voice set in `since` this time of the clock."""

    event: Event
    since: float


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Ask for `voice_lasts` after so long. There is one timer: an earlier one is void."""

    within_s: float


@dataclass(frozen=True, slots=True)
class StopTimer:
    """It is known what the voice is."""


@dataclass(frozen=True, slots=True)
class ShowTranscript:
    """Show what the person says; a final one without a text was nothing."""

    text: str
    final: bool


@dataclass(frozen=True, slots=True)
class GeneratePreemptively:
    """The person is probably done: get the answer to this ready, and say nothing of it yet."""

    question: str


@dataclass(frozen=True, slots=True)
class DiscardPreemptive:
    """The person is not done: what was generated preemptively is void."""


@dataclass(frozen=True, slots=True)
class AnswerAloud:
    """Answer what was asked by voice. `said` tells how it was heard; None: it was heard earlier, and cut off."""

    question: str
    said: TurnOver | None


Step = VoiceDid | SetTimer | StopTimer | ShowTranscript | GeneratePreemptively | DiscardPreemptive | AnswerAloud
Steps = Iterator[Step]


class Dialogue(Protocol):
    """What has to be known of the conversation, as it is after the step before."""

    @property
    def state(self) -> State: ...

    @property
    def unheard_question(self) -> str:
        """A spoken question of whose answer nothing has been heard yet, or blank."""
        ...


class Listening:
    """One session's. `clock`: steady seconds."""

    def __init__(self, dialogue: Dialogue, clock: Callable[[], float]) -> None:
        self._dialogue, self._clock = dialogue, clock
        self._utterance: tuple[str, int] | None = None  # that is going on
        self._ended: tuple[str, int] | None = None  # the newest that is over
        self._since = 0.0  # when the voice set in
        self._over_answer = False  # it set in while there was an answer
        self._backchannel: bool | None = None  # so far; None while no word is known
        self._unanswered = ""  # the question that this voice cut off, before anything of its answer was heard

    # --- front ends that listen by themselves -------------------------------------------------------------------------

    def user_speaking(self, speaking: bool) -> Steps:
        """Somebody speaks, or no longer does."""
        if speaking:
            yield from self._voice_begins(self._clock(), LASTS_S)
        else:
            yield from self._voice_passes()
            if self._utterance is None:
                yield from self._take_up()

    # --- asr ----------------------------------------------------------------------------------------------------------

    def hear(self, heard: UtteranceEvent) -> Steps:
        """Messages of one session, in order. What follows the end of its utterance is passed over."""
        utterance = (heard.instance, heard.utterance)
        if self._is_over(utterance):
            return
        if utterance != self._utterance:
            yield from self._begin(utterance, heard.onset_ms / 1000 if isinstance(heard, SpeechStarted) else 0.0)
        match heard:
            case Partial(text=text) if text:
                yield from self._partial(heard)
            case EagerEndOfTurn(text=text) if text.strip():
                yield from self._eager_end(heard)
            case SpeechResumed():
                yield DiscardPreemptive()
                yield from self._voice_begins(self._clock(), TELLS_S)
            case TurnOver(text=text) if text.strip():
                self._backchannel = heard.backchannel
                yield from self._over(heard)
            case TurnOver() | Dismissed():
                yield from self._dismiss()

    def heard_by(self, instance: str | None) -> Steps:
        """From now on this run of asr listens, or none: what another one has begun was nothing."""
        if self._utterance is not None and self._utterance[0] != instance:
            yield from self._dismiss()

    def voice_lasts(self) -> Steps:
        """The timer has gone off: nobody could tell what the voice is."""
        yield from self._interrupt(Event.VOICE_LASTS)

    def forget(self) -> None:
        """Something else was asked, or the answer is not wanted: what was cut off stays unanswered."""
        self._unanswered = ""

    def _is_over(self, utterance: tuple[str, int]) -> bool:
        ended = self._ended
        return ended is not None and utterance[0] == ended[0] and utterance[1] <= ended[1]

    def _begin(self, utterance: tuple[str, int], ago_s: float) -> Steps:
        if self._utterance is not None:
            yield from self._dismiss()  # asr died in the middle of it
        self._utterance, self._backchannel = utterance, None
        self._over_answer = self._dialogue.state is not State.LISTENING
        yield from self._voice_begins(self._clock() - ago_s, TELLS_S)

    def _partial(self, heard: Partial) -> Steps:
        first_guess = self._backchannel is None and len(heard.text.split()) == 1
        self._backchannel = heard.backchannel
        yield ShowTranscript(heard.text, final=False)
        # What is guessed from a syllable is often wrong: "Got it" begins as "God". The next words tell, or the pause.
        if not (first_guess and self._over_answer and not heard.backchannel):
            yield from self._words()

    def _eager_end(self, heard: EagerEndOfTurn) -> Steps:
        if heard.backchannel is not None:
            self._backchannel = heard.backchannel
        if self._over_answer and self._backchannel is not False:
            if self._backchannel:
                yield from self._voice_passes()
            return
        yield ShowTranscript(heard.text, final=False)
        yield from self._words()
        yield GeneratePreemptively(self._whole(heard.text))

    def _over(self, said: TurnOver) -> Steps:
        if said.backchannel and self._over_answer:
            yield from self._dismiss()
            return
        yield from self._words()
        question = self._whole(said.text)
        self._end()
        self.forget()
        yield AnswerAloud(question, said)

    def _dismiss(self) -> Steps:
        self._end()
        yield ShowTranscript("", final=True)
        yield DiscardPreemptive()
        yield from self._voice_passes()
        yield from self._take_up()

    def _end(self) -> None:
        self._ended, self._utterance = self._utterance, None

    def _whole(self, text: str) -> str:
        """Who goes on while the avatar still thinks adds to the question. Of one that is too long the end counts."""
        return f"{self._unanswered} {text.strip()}".strip()[-LONGEST:]

    def _take_up(self) -> Steps:
        """The voice that cut a question off was nothing: the question still stands."""
        question, self._unanswered = self._unanswered, ""
        if question:
            yield AnswerAloud(question, None)

    # --- the voice, whoever reports it --------------------------------------------------------------------------------

    def _voice_begins(self, since: float, within_s: float) -> Steps:
        if self._dialogue.state.held:
            return
        self._since = since
        yield VoiceDid(Event.VOICE_BEGINS, since)
        if self._dialogue.state.held:
            yield SetTimer(max(0.0, since + within_s - self._clock()))

    def _words(self) -> Steps:
        yield StopTimer()
        if not (self._backchannel and self._over_answer):
            yield from self._interrupt(Event.WORDS)

    def _voice_passes(self) -> Steps:
        yield StopTimer()
        yield VoiceDid(Event.VOICE_PASSES, self._since)

    def _interrupt(self, event: Event) -> Steps:
        self._unanswered = self._dialogue.unheard_question or self._unanswered
        yield VoiceDid(event, self._since)
