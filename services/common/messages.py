"""What travels on the bus, one class a message.

`flashback:session:{s}:events`   everything that a client may see; only the orchestrator that owns the session writes it
`flashback:session:{s}:control`  cancel and close
`flashback:session:{s}:hearing`  what asr hears: `services.common.utterances`
`flashback:services`             heartbeats with load
"""

import time
import uuid
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

SERVICES_CHANNEL = "flashback:services"
CONTROL_PATTERN = "flashback:session:*:control"


def events_channel(session: str) -> str:
    """The channel of one session's events."""
    return f"flashback:session:{session}:events"


def control_channel(session: str) -> str:
    """The channel of one session's orders."""
    return f"flashback:session:{session}:control"


def registry_key(session: str) -> str:
    """The key in Redis under which the orchestrator keeps a session. It is not a channel."""
    return f"flashback:session:{session}"


class Message(BaseModel):
    """What every message of a session has. `turn`: from 1; 0 before the first turn. `at`: ms since the epoch."""

    model_config = ConfigDict(frozen=True)

    event_id: str = Field(default_factory=lambda: uuid.uuid4().hex[:16])
    session: str
    turn: int = 0
    at: int = Field(default_factory=lambda: time.time_ns() // 1_000_000)


SessionState = Literal["listening", "thinking", "speaking", "paused"]
"""`paused`: a voice has set in while the avatar spoke. If it asks for nothing the avatar goes on, otherwise the turn is
interrupted."""


class State(Message):
    """The session's state has changed to this.

    `ears`: asr listens to the microphone and decides what interrupts; without ears the front end does.
    """

    type: Literal["state"] = "state"
    state: SessionState
    ears: bool = False


class Transcript(Message):
    """What the person said (`final`), or says so far. Final with an empty text: it was nothing that is answered."""

    type: Literal["transcript"] = "transcript"
    text: str
    final: bool


class AnswerDelta(Message):
    """A piece of the answer's text, as it is written."""

    type: Literal["answer_delta"] = "answer_delta"
    text: str


class Citation(Message):
    """A source of the clause that starts `t` ms after the start of the turn's speech."""

    type: Literal["citation"] = "citation"
    source: str
    title: str
    quote: str
    t: int


class UnsupportedSentence(Message):
    """A sentence of the answer that the documents do not support, and why."""

    type: Literal["unsupported"] = "unsupported"
    text: str
    reason: str


class Caption(Message):
    """A word, at the moment at which it is heard: from `t0` to `t1` ms of the turn's speech."""

    type: Literal["caption"] = "caption"
    word: str
    t0: int
    t1: int


class Playback(Message):
    """`t` ms of the turn's speech have been heard. `phase`: started with the first sound, finished after the last."""

    type: Literal["playback"] = "playback"
    t: int
    phase: Literal["started", "playing", "finished"] = "playing"


class Interrupted(Message):
    """The turn was cut off after `heard_text`, which is what was heard of it. No other event of the turn follows."""

    type: Literal["interrupted"] = "interrupted"
    heard_text: str


class Metrics(Message):
    """A turn's latencies, in ms after the question came in, and what the renderer measured. What is unknown is None.

    A spoken question comes in with the end of the voice, so that the later latencies include `end_of_turn_delay` and
    `transcription_delay`. `interruption_detection_delay`: from a voice's onset until it counted as an interruption.
    What each of them measures stands at its histogram in `services.common.metrics`.
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
    """Order: drop everything of this session's turns up to and including `turn`."""

    type: Literal["cancel"] = "cancel"


class Close(Message):
    """Order: end the session."""

    type: Literal["close"] = "close"


class Heartbeat(BaseModel):
    """A service is alive, and so many of its `capacity` places for sessions are taken. `at`: ms since the epoch."""

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
