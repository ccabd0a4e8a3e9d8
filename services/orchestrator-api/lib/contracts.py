"""What travels over the public API: bodies, answers, and the commands of `WS /control`. Its events are in
`services.common.messages`."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, TypeAdapter, field_validator

from services.common.complaints import Spelled
from services.common.messages import Message, Metrics, SessionState
from services.common.speech import SessionId


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("there is nothing but white space in it")
    return text.strip()


QuestionText = Annotated[str, Field(max_length=4000), AfterValidator(_not_blank)]
Name = Annotated[str, Spelled(r"[^\x00-\x1f/\\]{1,64}", "1 to 64 characters without a slash among them")]


class Offer(BaseModel):
    """`POST /session`. A live `session` is joined; without one a new session is opened.

    `voice_token` is that of a cloned `voice`.
    """

    sdp: str = Field(max_length=60_000)
    type: Literal["offer"] = "offer"
    session: SessionId | None = None
    avatar: Name | None = None
    voice: Name | None = None
    voice_token: str | None = Field(default=None, max_length=128, repr=False)
    style: Name | None = None

    @field_validator("sdp")
    @classmethod
    def _is_sdp(cls, sdp: str) -> str:
        if not sdp.lstrip().startswith("v=0"):
            raise ValueError("it is no session description, which has to begin with v=0 (RFC 8866)")
        return sdp


class IceServer(BaseModel):
    """One entry of the browser's `RTCConfiguration.iceServers`."""

    urls: list[str]
    username: str | None = None
    credential: str | None = None


class Opened(BaseModel):
    """The answer to an offer. `token` opens `WS /control` and closes the session."""

    session: str
    sdp: str
    type: Literal["answer"] = "answer"
    token: str
    ice_servers: list[IceServer]


class Ask(BaseModel):
    """`POST /answer`."""

    text: QuestionText
    session: SessionId | None = None


Latency = dict[str, float]
"""The numbers of a turn's `metrics` event; what is not known is absent."""


def latency_of(numbers: Metrics) -> Latency:
    """Without what makes it a message, and without what is not known."""
    return numbers.model_dump(exclude_none=True, exclude={*Message.model_fields, "type"})


class Source(BaseModel):
    """A passage of the corpus that the answer rests on."""

    source: str
    title: str
    quote: str


class Doubt(BaseModel):
    """A sentence of the answer that the documents do not bear out, and why."""

    text: str
    reason: str


class Answered(BaseModel):
    """An answer's text. `spoken` false: no session is live, nobody hears it. `latency` holds what is known so far."""

    session: str | None
    turn: int
    text: str
    citations: list[Source]
    unsupported: list[Doubt]
    spoken: bool
    latency: Latency


class Which(BaseModel):
    """`POST /cancel`."""

    session: SessionId | None = None


class Cancelled(BaseModel):
    """What of the turn was heard before it was cancelled."""

    session: str
    turn: int
    heard_text: str


class StyleWanted(BaseModel):
    """`POST /style`."""

    style: Name
    session: SessionId | None = None


class StyleInForce(BaseModel):
    session: str
    style: str


class Styles(BaseModel):
    """The presets there are, and the one that was baked at start."""

    styles: list[str]
    style: str


class SessionView(BaseModel):
    """A live session from outside. `latency`: the last turn's."""

    session: str
    state: SessionState
    turn: int
    viewers: int
    style: str | None
    latency: Latency


class SessionList(BaseModel):
    sessions: list[SessionView]


class Command(BaseModel):
    """What a page says over `WS /control`."""

    model_config = ConfigDict(frozen=True)


class UserSpeaking(Command):
    """The microphone hears somebody, or no longer does."""

    type: Literal["user_speaking"]
    speaking: StrictBool


class StartReply(Command):
    """Answer this question."""

    type: Literal["start_reply"]
    text: QuestionText | None = None


class CancelReply(Command):
    """Stop speaking."""

    type: Literal["cancel"]


class ChooseStyle(Command):
    """Change light, background and colour."""

    type: Literal["set_style"]
    style: Name


ControlCommand = Annotated[UserSpeaking | StartReply | CancelReply | ChooseStyle, Field(discriminator="type")]
COMMANDS: TypeAdapter[ControlCommand] = TypeAdapter(ControlCommand)
