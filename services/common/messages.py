"""What travels on the bus, one class a message.

`events:   flashback:session:{s}:events`   everything that a client may see, written by the session's owner alone
`control:  flashback:session:{s}:control`  cancel, close
`services: flashback:services`             heartbeats with load
"""

import time
import uuid
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

SERVICES_CHANNEL = "flashback:services"
CONTROL_PATTERN = "flashback:session:*:control"


def events_channel(session: str) -> str:
    return f"flashback:session:{session}:events"


def control_channel(session: str) -> str:
    return f"flashback:session:{session}:control"


def registry_key(session: str) -> str:
    return f"flashback:session:{session}"


class Message(BaseModel):
    """Who, which turn, when (`at`: ms since the epoch). `turn` 0 stands for: before the first turn."""

    model_config = ConfigDict(frozen=True)

    event_id: str = Field(default_factory=lambda: uuid.uuid4().hex[:16])
    session: str
    turn: int = 0
    at: int = Field(default_factory=lambda: time.time_ns() // 1_000_000)


SessionState = Literal["listening", "thinking", "speaking", "paused"]
"""`paused`: a voice has set in while the avatar spoke; it goes on if that was nothing, else its turn is interrupted."""


class State(Message):
    """The session's state is now this. `ears`: somebody listens to the microphone here, and decides what interrupts."""

    type: Literal["state"] = "state"
    state: SessionState
    ears: bool = False


class Transcript(Message):
    """What the person said, or says so far. A final one without a text: it was nothing that is answered."""

    type: Literal["transcript"] = "transcript"
    text: str
    final: bool


class AnswerDelta(Message):
    """A piece of the answer's text, as it is written."""

    type: Literal["answer_delta"] = "answer_delta"
    text: str


class Citation(Message):
    """The source of the clause that starts at `t` ms of the turn."""

    type: Literal["citation"] = "citation"
    source: str
    title: str
    quote: str
    t: int


class UnsupportedSentence(Message):
    """A sentence of the answer that the documents do not bear out, and why."""

    type: Literal["unsupported"] = "unsupported"
    text: str
    reason: str


class Caption(Message):
    """A word, at the moment it is heard."""

    type: Literal["caption"] = "caption"
    word: str
    t0: int
    t1: int


class Playback(Message):
    """`t` ms of the turn have been heard. `started` comes with the first sound, `finished` after the last."""

    type: Literal["playback"] = "playback"
    t: int
    phase: Literal["started", "playing", "finished"] = "playing"


class Interrupted(Message):
    """The turn is over; only `heard_text` of it was heard. Nothing of the turn follows."""

    type: Literal["interrupted"] = "interrupted"
    heard_text: str


class Metrics(Message):
    """A turn's waterfall, in ms after the question came in, and what the renderer saw. What is not known is absent.

    A spoken question comes in with the end of the voice: `end_of_turn_delay` and `transcription_delay` are part of what
    follows. `interruption_detection_delay`: from the onset of a voice until it counted as an interruption.
    """

    type: Literal["metrics"] = "metrics"
    end_of_turn_delay: float | None = None
    transcription_delay: float | None = None
    rag_retrieval_latency: float | None = None
    llm_ttft: float | None = None
    llm_ttfs: float | None = None
    tts_ttfb: float | None = None
    tts_ttfa: float | None = None
    render_ttff: float | None = None
    e2e_latency: float | None = None
    interruption_detection_delay: float | None = None
    interruption_to_silence_ms: float | None = None
    av_skew_ms: float | None = None
    final_fps: float | None = None
    buffer_ms: float | None = None
    underruns_total: int | None = None


class Error(Message):
    """Something went wrong; `detail` is a sentence that says what to do."""

    type: Literal["error"] = "error"
    title: str
    detail: str


class Cancel(Message):
    """Drop everything of this session's turns up to `turn`."""

    type: Literal["cancel"] = "cancel"


class Close(Message):
    """The session is over."""

    type: Literal["close"] = "close"


class Heartbeat(BaseModel):
    """A service is alive and this busy."""

    model_config = ConfigDict(frozen=True)

    type: Literal["heartbeat"] = "heartbeat"
    service: str
    instance: str
    sessions: int = 0
    capacity: int = 0
    at: int = Field(default_factory=lambda: time.time_ns() // 1_000_000)


Event = Annotated[
    State
    | Transcript
    | AnswerDelta
    | Citation
    | UnsupportedSentence
    | Caption
    | Playback
    | Interrupted
    | Metrics
    | Error,
    Field(discriminator="type"),
]
Control = Annotated[Cancel | Close, Field(discriminator="type")]

EVENTS: TypeAdapter[Event] = TypeAdapter(Event)
CONTROLS: TypeAdapter[Control] = TypeAdapter(Control)
