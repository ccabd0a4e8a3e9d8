"""The same answers for any OpenAI client: `POST /v1/chat/completions` and `GET /v1/models`.

The last user message is the question, those before it the conversation. Citations come in an extension field.
"""

import json
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field, model_validator

from services.common.answering import AnswerEvent, ChatMessage, Delta, Done, Failed, Passage, Retrieval
from services.common.errors import Problem

MODEL = "flashback"


class TextPart(BaseModel):
    type: Literal["text"]
    text: str


class CompletionMessage(BaseModel):
    """A message as OpenAI's clients send it; parts other than text are refused."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[str, Field(max_length=20_000)] | list[TextPart]

    def as_chat(self) -> ChatMessage:
        text = self.content if isinstance(self.content, str) else " ".join(part.text for part in self.content)
        return ChatMessage(role="system" if self.role == "developer" else self.role, content=text[:20_000])


class StreamOptions(BaseModel):
    include_usage: bool = False


class CompletionRequest(BaseModel):
    """Sampling parameters are accepted and left to the engine's own settings."""

    model: str = MODEL
    messages: list[CompletionMessage] = Field(min_length=1, max_length=100)
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()

    @model_validator(mode="after")
    def _ends_with_a_question(self) -> "CompletionRequest":
        last = self.messages[-1]
        text = last.as_chat().content
        if last.role != "user" or not text.strip() or len(text) > 4000:
            raise ValueError("messages: the last one must be the user's question, 1 to 4000 characters")
        return self


Answering = Callable[[str, list[ChatMessage]], Awaitable[AsyncGenerator[AnswerEvent]]]
"""Answers a question in its conversation."""


def openai_routes(answer: Answering, stream: Callable[[AsyncGenerator[str]], StreamingResponse]) -> APIRouter:
    """The routes, answering with `answer`; `stream` makes an event stream of text."""
    routes = APIRouter(prefix="/v1", tags=["openai"])
    started = int(time.time())

    @routes.get("/models")
    async def models() -> dict[str, Any]:
        """The one model there is."""
        return {"object": "list", "data": [_model(started)]}

    @routes.get("/models/{name}")
    async def model(name: str) -> dict[str, Any]:
        """That one model."""
        if name != MODEL:
            raise Problem(404, f"There is no model {name}; GET /v1/models lists those there are.")
        return _model(started)

    @routes.post("/chat/completions", response_model=None)
    async def completions(request: CompletionRequest) -> StreamingResponse | dict[str, Any]:
        """A grounded answer, streamed or whole."""
        if request.model != MODEL:
            raise Problem(404, f"There is no model {request.model}; GET /v1/models lists those there are.")
        *history, question = [message.as_chat() for message in request.messages]
        events = await answer(question.content, history)
        completion = Completion()
        if request.stream:
            return stream(completion.stream(events, include_usage=request.stream_options.include_usage))
        return await completion.whole(events)

    return routes


class Completion:
    """One answer in OpenAI's form."""

    def __init__(self) -> None:
        self._id = f"chatcmpl-{uuid.uuid4().hex[:24]}"
        self._created = int(time.time())
        self._passages: dict[str, Passage] = {}

    async def whole(self, events: AsyncGenerator[AnswerEvent]) -> dict[str, Any]:
        """The complete answer. Raises `Problem` 502 if it broke off."""
        text, cited, usage = "", dict[str, None](), dict[str, int]()
        async for event in events:
            match event:
                case Retrieval():
                    self._passages = {passage.id: passage for passage in event.passages}
                case Delta():
                    text += event.text
                    cited |= dict.fromkeys(event.citations)
                case Done():
                    usage = _usage(event.usage, text)
                case Failed():
                    raise Problem(502, event.detail)
        message = {"role": "assistant", "content": text, "citations": self._citations(cited)}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        return self._object("chat.completion", [choice], usage=usage)

    async def stream(self, events: AsyncGenerator[AnswerEvent], *, include_usage: bool) -> AsyncGenerator[str]:
        """The answer as chunks; a delta that is supported carries its citations."""
        text = ""
        yield self._chunk({"role": "assistant", "content": ""})
        async for event in events:
            match event:
                case Retrieval():
                    self._passages = {passage.id: passage for passage in event.passages}
                case Delta():
                    text += event.text
                    cited = self._citations(dict.fromkeys(event.citations))
                    yield self._chunk({"content": event.text} | ({"citations": cited} if cited else {}))
                case Done():
                    yield self._chunk({}, finish="stop")
                    if include_usage:
                        yield _data(self._object("chat.completion.chunk", [], usage=_usage(event.usage, text)))
                case Failed():
                    yield _data({"error": {"message": event.detail, "type": "server_error", "code": 502}})
        yield "data: [DONE]\n\n"

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return _data(self._object("chat.completion.chunk", [choice]))

    def _object(self, kind: str, choices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        return {"id": self._id, "object": kind, "created": self._created, "model": MODEL, "choices": choices} | more

    def _citations(self, ids: dict[str, None]) -> list[dict[str, Any]]:
        return [self._passages[i].model_dump() for i in ids if i in self._passages]


def _model(started: int) -> dict[str, Any]:
    return {"id": MODEL, "object": "model", "created": started, "owned_by": "flashback-avatars"}


def _usage(usage: dict[str, int], text: str) -> dict[str, int]:
    """The model's token counts; without a model, words stand for tokens."""
    prompt, completion = usage.get("prompt_tokens", 0), usage.get("completion_tokens", len(text.split()))
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _data(body: dict[str, Any]) -> str:
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n"
