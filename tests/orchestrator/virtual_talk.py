"""A conversation on virtual time, for what is made of what is heard, and the messages of asr that it hears."""

from typing import Any

from services.common.utterances import (
    Dismissed,
    EagerEndOfTurn,
    Partial,
    SpeechResumed,
    SpeechStarted,
    TurnOver,
    UtteranceEvent,
)
from services.orchestrator_api.lib.conversation import listening
from services.orchestrator_api.lib.conversation.listening import Listening, Steps
from services.orchestrator_api.lib.state import Effect, Event, State, react

LISTENING, THINKING, WAITING, SPEAKING, PAUSED = State


class VirtualTalk:
    """A conversation in which nothing happens by itself. `log`: what became of it, in order, with the time in ms."""

    def __init__(self, state: State = LISTENING, question: str = "") -> None:
        self.state = state
        self.question = question  # that is being answered, if it was spoken
        self.now = 0.0
        self.log: list[tuple[int, str]] = []
        self.shown: list[tuple[str, bool]] = []
        self.preemptive = ""
        self.listening = Listening(self, clock=lambda: self.now)
        self._timer_at: float | None = None

    @property
    def unheard_question(self) -> str:
        return self.question if self.state.unheard else ""

    def note(self, what: str) -> None:
        self.log.append((round(self.now * 1000), what))

    def follow(self, steps: Steps) -> None:
        for step in steps:
            match step:
                case listening.VoiceDid(event, _):
                    self._react(event)
                case listening.SetTimer(within_s):
                    self._timer_at = self.now + within_s
                case listening.StopTimer():
                    self._timer_at = None
                case listening.ShowTranscript(text, final):
                    self.shown.append((text, final))
                case listening.GeneratePreemptively(question):
                    self.preemptive = question if self.state is LISTENING else self.preemptive
                case listening.DiscardPreemptive():
                    self.preemptive = ""
                case listening.AnswerAloud(question, _):
                    self.note(f"answer {question}")
                    self.state, self.question, self.preemptive = THINKING, question, ""

    def _react(self, event: Event) -> None:
        reaction = react(self.state, event)
        for effect in reaction.effects:
            if effect not in (Effect.ANNOUNCE, Effect.REFUSE):
                self.note(effect)
        self.state = reaction.state

    def pass_time(self, ms: float) -> None:
        """It is that time now; a timer that was due by then has gone off."""
        while self._timer_at is not None and self._timer_at <= ms / 1000:
            self.now, self._timer_at = self._timer_at, None
            self.follow(self.listening.voice_lasts())
        self.now = ms / 1000

    @property
    def did(self) -> list[str]:
        return [what for _, what in self.log]


def heard(kind: type[Any], utterance: int = 1, instance: str = "a", **fields: Any) -> UtteranceEvent:
    defaults: dict[type, dict[str, Any]] = {
        SpeechStarted: {"onset_ms": 0},
        EagerEndOfTurn: {"probability": 0.9},
        TurnOver: {"end_of_turn_delay": 400, "transcription_delay": 20},
        Dismissed: {"reason": "noise"},
    }
    message: UtteranceEvent = kind(
        session="s", instance=instance, utterance=utterance, **defaults.get(kind, {}) | fields
    )
    return message


def play(talk: VirtualTalk, *script: tuple[float, UtteranceEvent | bool]) -> VirtualTalk:
    """Each message at its time, ms; True and False are a front end's user_speaking. Then a long time passes."""
    for at, what in script:
        talk.pass_time(at)
        heard = talk.listening.user_speaking(what) if isinstance(what, bool) else talk.listening.hear(what)
        talk.follow(heard)
    talk.pass_time(60_000)
    return talk


def hear(talk: VirtualTalk, *messages: UtteranceEvent) -> None:
    """One after the other, at the same time."""
    for message in messages:
        talk.follow(talk.listening.hear(message))


STARTED, RESUMED, DISMISSED = heard(SpeechStarted), heard(SpeechResumed), heard(Dismissed)


def words(text: str, **fields: Any) -> UtteranceEvent:
    return heard(Partial, text=text, **fields)


def likely(text: str, **fields: Any) -> UtteranceEvent:
    return heard(EagerEndOfTurn, text=text, **fields)


def over(text: str, **fields: Any) -> UtteranceEvent:
    return heard(TurnOver, text=text, **fields)


def mhm(kind: type[Any] = Partial) -> UtteranceEvent:
    return heard(kind, text="mm-hm", backchannel=True)
