"""What the ears report, one class a message.

asr publishes on `flashback:session:{s}:hearing`; the session that owns the conversation listens. An *utterance* is what
one person says until the turn is over; its number grows within a session. In order:

    speech_started ── partial* ── eager_end_of_turn ── speech_resumed ── … ── turn_over
                                                                           └─ dismissed

Every utterance ends with exactly one `turn_over` or `dismissed`; where asr dies in between, its next `speech_started`
has another `instance`, and the open one counts as dismissed.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from services.common.messages import Message


def utterances_channel(session: str) -> str:
    return f"flashback:session:{session}:hearing"


UTTERANCES_PATTERN = "flashback:session:*:hearing"


class Utterance(Message):
    """`instance` names the run of asr, `utterance` counts from 1 in it. `at`: ms since the epoch, when published."""

    instance: str
    utterance: int


class SpeechStarted(Utterance):
    """A voice sets in. `onset_ms` ago (before `at`) its first sound came in by the microphone."""

    type: Literal["speech_started"] = "speech_started"
    onset_ms: float


class Partial(Utterance):
    """The words so far; later ones may change. `backchannel`: nothing but "mm-hm", "yeah", "okay" up to here."""

    type: Literal["partial"] = "partial"
    text: str
    backchannel: bool = False


class EagerEndOfTurn(Utterance):
    """The person has paused and is probably done: a reply to `text` may be prepared, and not yet spoken.

    `backchannel` as in `Partial`; None: as the last partial said."""

    type: Literal["eager_end_of_turn", "turn_likely_over"] = "eager_end_of_turn"
    """The second is its name before version 0.2; accepted until the release after it."""

    text: str
    probability: float
    backchannel: bool | None = None


class SpeechResumed(Utterance):
    """They went on: what was prepared is void."""

    type: Literal["speech_resumed"] = "speech_resumed"


class TurnOver(Utterance):
    """The turn's final words, never empty. Delays in ms: from the last sound of the voice to this message, and that
    part of it which was spent on transcribing after the end of the turn was decided."""

    type: Literal["turn_over"] = "turn_over"
    text: str
    backchannel: bool = False
    end_of_turn_delay: float
    transcription_delay: float


class Dismissed(Utterance):
    """It was no turn: a cough, a door, the avatar's own voice, a microphone that went away."""

    type: Literal["dismissed"] = "dismissed"
    reason: Literal["noise", "echo", "lost"]


UtteranceEvent = Annotated[
    SpeechStarted | Partial | EagerEndOfTurn | SpeechResumed | TurnOver | Dismissed, Field(discriminator="type")
]
UTTERANCE_EVENTS: TypeAdapter[UtteranceEvent] = TypeAdapter(UtteranceEvent)
