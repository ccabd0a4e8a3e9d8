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
    """`POST /v1/answer`."""

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
    """What was found, how the question was understood and why so (`reason`, for people), and how long that took.

    `fallback` says why the model does not answer, and the documents' own sentences do; blank where all is as it should
    be. An answer whose model fails before its first word has two of these events: the second one counts.
    """

    type: Literal["retrieval"] = "retrieval"
    passages: list[Passage]
    ms: float
    route: str = "corpus"
    reason: str = ""
    fallback: str = ""


class Delta(BaseModel):
    """A piece of the answer; `citations` are ids of the passages that support the sentence it belongs to.

    A piece without words cites for the words before it.
    """

    type: Literal["delta"] = "delta"
    text: str
    citations: list[str] = []


class Unsupported(BaseModel):
    """A sentence of the answer that its citations do not bear out, and why; comes once the sentence is written."""

    type: Literal["unsupported"] = "unsupported"
    text: str
    reason: str


class Done(BaseModel):
    """The answer is complete, or as long as it may be: `finish` "length"."""

    type: Literal["done"] = "done"
    usage: dict[str, int] = {}
    finish: Literal["stop", "length"] = "stop"


class Failed(BaseModel):
    """The answer ends here; `detail` is a sentence."""

    type: Literal["error"] = "error"
    title: str
    detail: str


AnswerEvent = Annotated[Retrieval | Delta | Unsupported | Done | Failed, Field(discriminator="type")]
ANSWER_EVENTS: TypeAdapter[AnswerEvent] = TypeAdapter(AnswerEvent)
