"""What asr hears in a session, one class a message.

asr publishes on `flashback:session:{s}:hearing`; the session that owns the conversation listens. An *utterance* is what
one person says until the turn is over. In order:

    speech_started ── partial* ── eager_end_of_turn ── speech_resumed ── … ── turn_over
                                                                           └─ dismissed

Every utterance ends with exactly one `turn_over` or `dismissed`, with two exceptions, where the open utterance counts
as dismissed. If asr dies, its next `speech_started` has another `instance`. If it cannot go on listening to one
session, `listening_ended` is the last message until somebody has it listen there again.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from services.common.messages import Message


def utterances_channel(session: str) -> str:
    """The channel of one session's utterances."""
    return f"flashback:session:{session}:hearing"


UTTERANCES_PATTERN = "flashback:session:*:hearing"


class Utterance(Message):
    """`instance` names the run of asr. `utterance` is a number that grows within a session, as long as asr runs.

    `at`: ms since the epoch, when it was published.
    """

    instance: str
    utterance: int


class SpeechStarted(Utterance):
    """A voice sets in. Its first sound came in by the microphone `onset_ms` before `at`."""

    type: Literal["speech_started"] = "speech_started"
    onset_ms: float


class Partial(Utterance):
    """The words so far; later ones may change. `backchannel`: nothing but "mm-hm", "yeah", "okay" up to here."""

    type: Literal["partial"] = "partial"
    text: str
    backchannel: bool = False


class EagerEndOfTurn(Utterance):
    """The person has paused and is probably done: a reply to `text` may be prepared, and not yet spoken.

    `backchannel` as in `Partial`; None: as the last partial said.
    """

    type: Literal["eager_end_of_turn", "turn_likely_over"] = "eager_end_of_turn"
    """The second is its name before version 0.2; accepted until the release after it."""

    text: str
    probability: float
    backchannel: bool | None = None


class SpeechResumed(Utterance):
    """The person goes on: what was prepared is void."""

    type: Literal["speech_resumed"] = "speech_resumed"


class TurnOver(Utterance):
    """The turn's final words, never empty.

    `end_of_turn_delay`: ms from the last sound of the voice to this message. `transcription_delay`: the part of it that
    was spent on transcribing after the end of the turn was decided.
    """

    type: Literal["turn_over"] = "turn_over"
    text: str
    backchannel: bool = False
    end_of_turn_delay: float
    transcription_delay: float


class Dismissed(Utterance):
    """The utterance was no turn: a cough, a door, the avatar's own voice, a microphone that went away."""

    type: Literal["dismissed"] = "dismissed"
    reason: Literal["noise", "echo", "lost"]


WhyEnded = Literal["refused", "fault"]
"""The gateway refused asr's token, or asr has a fault."""


class ListeningEnded(Utterance):
    """asr cannot go on listening to this session; it tries anew once it is asked to.

    `utterance` is the last one, 0 if there was none.
    """

    type: Literal["listening_ended"] = "listening_ended"
    reason: WhyEnded


UtteranceEvent = Annotated[
    SpeechStarted | Partial | EagerEndOfTurn | SpeechResumed | TurnOver | Dismissed | ListeningEnded,
    Field(discriminator="type"),
]
UTTERANCE_EVENTS: TypeAdapter[UtteranceEvent] = TypeAdapter(UtteranceEvent)
