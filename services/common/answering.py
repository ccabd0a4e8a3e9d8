"""How an answer travels from rag-llm to the orchestrator: server-sent events, one class an event.

The event's name is `type`; its data is the rest as JSON.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from services.common.speech import SessionId


class ChatMessage(BaseModel):
    """One line of the conversation so far."""

    role: Literal["user", "assistant", "system"]
    content: str = Field(max_length=20_000)


class Question(BaseModel):
    """`POST /v1/answer`: what was asked in a turn of a session, and the lines before it, oldest first."""

    session: SessionId
    turn: int = Field(ge=1)
    text: str = Field(min_length=1, max_length=4000)
    history: list[ChatMessage] = Field(default=[], max_length=100)


class Passage(BaseModel):
    """A piece of a document. `source` is its path under the corpus, `quote` the words that support the answer."""

    model_config = ConfigDict(frozen=True)

    id: str
    source: str
    title: str
    score: float
    quote: str


class Retrieval(BaseModel):
    """What was found for a question, and in how many ms.

    `route`: how the question was understood; `reason`: why, for people to read. `fallback`: why the documents' own
    sentences answer instead of the model; blank where nothing failed. If the model fails before its first word, a
    second event of this type follows and replaces the first.
    """

    type: Literal["retrieval"] = "retrieval"
    passages: list[Passage]
    ms: float
    route: str = "corpus"
    reason: str = ""
    fallback: str = ""


class Delta(BaseModel):
    """A piece of the answer. `citations`: ids of the passages that support the sentence that this piece is part of.

    A piece with an empty text adds citations to the words before it.
    """

    type: Literal["delta"] = "delta"
    text: str
    citations: list[str] = []


class Unsupported(BaseModel):
    """A sentence of the answer that its citations do not support, and why. It comes after the sentence's last piece."""

    type: Literal["unsupported"] = "unsupported"
    text: str
    reason: str


class Done(BaseModel):
    """The end of the answer. `finish`: "stop" if it is complete, "length" if the model was cut off at its limit.

    `usage`: tokens by kind, as the model's server counts them.
    """

    type: Literal["done"] = "done"
    usage: dict[str, int] = {}
    finish: Literal["stop", "length"] = "stop"


class Failed(BaseModel):
    """The answer ends here because something failed. `detail` is a sentence that says what to do."""

    type: Literal["error"] = "error"
    title: str
    detail: str


AnswerEvent = Annotated[Retrieval | Delta | Unsupported | Done | Failed, Field(discriminator="type")]
ANSWER_EVENTS: TypeAdapter[AnswerEvent] = TypeAdapter(AnswerEvent)
