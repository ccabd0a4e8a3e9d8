"""The same answers for any OpenAI client: `POST /v1/chat/completions` and `GET /v1/models`.

The last user message is the question, those before it the conversation; system messages reach a model below its own
rules. What OpenAI's form has no place for stands in extension fields of the message: `citations`, `unsupported` and
`fallback`, as in `services.common.answering`. Errors are problem documents with OpenAI's `error` in them.
"""

import json
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.sse import EventSourceResponse, format_sse_event
from pydantic import BaseModel, Field, field_validator

from services.common.answering import AnswerEvent, ChatMessage, Delta, Done, Failed, Passage, Retrieval, Unsupported
from services.common.errors import Problem, invalid_request
from services.rag_llm.answering.answers import Answers
from services.rag_llm.api.cancellation import RunningAnswers, unless_gone
from services.rag_llm.api.sse import event_stream

MODEL = "flashback"
MAX_QUESTION = 4000
MAX_RULES = 8000
"""Characters of all system messages together: they go into every prompt whole."""


class CompletionMessage(BaseModel):
    """A message as OpenAI's clients send it. Its content may come in parts; parts other than text are refused."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str = Field(max_length=20_000)

    @field_validator("content", mode="before")
    @classmethod
    def _is_text(cls, content: Any) -> Any:
        if not isinstance(content, list):
            return content
        for part in content:
            if not isinstance(part, dict) or part.get("type") != "text" or not isinstance(part.get("text"), str):
                kind = part.get("type") if isinstance(part, dict) else None
                raise ValueError(f"this model reads text; a part of type {kind!r:.40} cannot be used")
        return "\n".join(part["text"] for part in content)

    def as_chat(self) -> ChatMessage:
        """As our own messages are; a developer is a system."""
        return ChatMessage(role="system" if self.role == "developer" else self.role, content=self.content)


class StreamOptions(BaseModel):
    """`include_usage`: a last chunk with the number of tokens is asked for."""

    include_usage: bool = False


class CompletionRequest(BaseModel):
    """Sampling parameters and what else is unknown are accepted and left to the engine's own settings."""

    model: str = MODEL
    messages: list[CompletionMessage] = Field(min_length=1)
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    n: int | None = None
    tools: list[Any] | None = None
    functions: list[Any] | None = None

    @field_validator("n")
    @classmethod
    def _is_one(cls, n: int | None) -> int | None:
        if n not in (None, 1):
            raise ValueError("there is one answer to a question; leave n out or set it to 1")
        return n

    @field_validator("tools", "functions")
    @classmethod
    def _are_none(cls, tools: list[Any] | None) -> list[Any] | None:
        if tools:
            raise ValueError("this model answers from documents and calls no tools; leave them out")
        return tools

    @field_validator("messages")
    @classmethod
    def _end_with_a_question(cls, messages: list[CompletionMessage]) -> list[CompletionMessage]:
        last = messages[-1]
        if last.role != "user" or not last.content.strip() or len(last.content) > MAX_QUESTION:
            raise ValueError(f"the last one must be the user's question, 1 to {MAX_QUESTION} characters")
        if sum(len(m.content) for m in messages if m.role in ("system", "developer")) > MAX_RULES:
            raise ValueError(f"system messages may have {MAX_RULES} characters together")
        return messages


class OpenAIRoute(APIRoute):
    """Puts OpenAI's `error` into problem documents: its clients show what stands there."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_with_error(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as invalid:
                problem = invalid_request(invalid.errors())
                param = problem.more["errors"][0]["field"]
            except Problem as raised:
                problem, param = raised, None
            error = _error(problem, param)
            raise Problem(problem.status, problem.detail, headers=problem.headers, **problem.more, error=error)

        return handle_with_error


def openai_routes(answers: Answers, running: RunningAnswers) -> APIRouter:
    """The routes; each answer is one of the `running` ones while it lasts, of a session of its own."""
    routes = APIRouter(prefix="/v1", tags=["openai"], route_class=OpenAIRoute)
    started = int(time.time())

    @routes.get("/models")
    async def models() -> dict[str, Any]:
        """The one model there is."""
        return {"object": "list", "data": [_model(started)]}

    @routes.get("/models/{name}")
    async def model(name: str) -> dict[str, Any]:
        """The model, if it is the one of this service; else 404."""
        _known(name)
        return _model(started)

    @routes.post("/chat/completions", response_model=None)
    async def completions(asked: CompletionRequest, request: Request) -> EventSourceResponse | dict[str, Any]:
        """A grounded answer, streamed or whole. Closing the connection ends the work."""
        _known(asked.model)
        *history, question = [message.as_chat() for message in asked.messages]
        events = await answers.answer(question.content, history)
        completion = Completion(running.until_cancelled(f"chat-{uuid.uuid4().hex}", 1, events))
        if asked.stream:
            usage = bool(asked.stream_options and asked.stream_options.include_usage)
            return event_stream(completion.streamed(include_usage=usage))
        return await unless_gone(request, completion.whole())

    return routes


class Completion:
    """One answer in OpenAI's form."""

    def __init__(self, events: AsyncGenerator[AnswerEvent]) -> None:
        self._events = events
        self._id = f"chatcmpl-{uuid.uuid4().hex[:24]}"
        self._created = int(time.time())

    async def streamed(self, *, include_usage: bool) -> AsyncGenerator[bytes]:
        """The chunks as server-sent events. An answer that breaks off ends with an error."""
        try:
            async with aclosing(self._chunks()) as chunks:
                async for chunk in chunks:
                    if chunk["choices"] or include_usage:
                        yield _data(chunk)
        except Problem as problem:
            yield _data({"error": _error(problem)})
        yield format_sse_event(data_str="[DONE]")

    async def whole(self) -> dict[str, Any]:
        """All chunks in one. Raises `Problem` 502 if the answer broke off."""
        message: dict[str, Any] = {"role": "assistant", "content": "", "citations": [], "unsupported": []}
        choice = {"index": 0, "message": message, "logprobs": None}
        usage: dict[str, int] = {}
        async with aclosing(self._chunks()) as chunks:
            async for chunk in chunks:
                usage = chunk.get("usage", usage)
                for part in chunk["choices"]:
                    choice["finish_reason"] = part["finish_reason"]
                    delta = part["delta"]
                    message["content"] += delta.get("content", "")
                    message["citations"] += (c for c in delta.get("citations", ()) if c not in message["citations"])
                    message["unsupported"] += delta.get("unsupported", ())
                    message |= {"fallback": delta["fallback"]} if "fallback" in delta else {}
        return self._object("chat.completion", [choice], usage=usage)

    async def _chunks(self) -> AsyncGenerator[dict[str, Any]]:
        """The answer's events as chunks, the last one with the usage. Raises `Problem` 502 if it broke off."""
        passages: dict[str, Passage] = {}
        text = ""
        yield self._chunk({"role": "assistant", "content": ""})
        async with aclosing(self._events) as events:
            async for event in events:
                match event:
                    case Retrieval():
                        passages = {passage.id: passage for passage in event.passages}
                        if event.fallback:
                            yield self._chunk({"fallback": event.fallback})
                    case Delta():
                        text += event.text
                        cited = [passages[id].model_dump() for id in event.citations if id in passages]
                        yield self._chunk({"content": event.text} | ({"citations": cited} if cited else {}))
                    case Unsupported():
                        yield self._chunk({"unsupported": [{"text": event.text, "reason": event.reason}]})
                    case Done():
                        yield self._chunk({}, finish=event.finish)
                        yield self._object("chat.completion.chunk", [], usage=_usage(event.usage, text))
                    case Failed():
                        raise Problem(502, event.detail)

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return self._object("chat.completion.chunk", [choice])

    def _object(self, kind: str, choices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        return {"id": self._id, "object": kind, "created": self._created, "model": MODEL, "choices": choices} | more


def _known(name: str) -> None:
    if name != MODEL:
        raise Problem(404, f"There is no model {name}; GET /v1/models lists those there are.")


def _model(started: int) -> dict[str, Any]:
    return {"id": MODEL, "object": "model", "created": started, "owned_by": "flashback-avatars"}


def _usage(usage: dict[str, int], text: str) -> dict[str, int]:
    """The model's token counts; without a model, words stand for tokens."""
    prompt, completion = usage.get("prompt_tokens", 0), usage.get("completion_tokens", len(text.split()))
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _error(problem: Problem, param: str | None = None) -> dict[str, Any]:
    kind = "server_error" if problem.status >= 500 else "invalid_request_error"
    return {"message": problem.detail, "type": kind, "param": param, "code": str(problem.status)}


def _data(body: dict[str, Any]) -> bytes:
    return format_sse_event(data_str=json.dumps(body, ensure_ascii=False))
