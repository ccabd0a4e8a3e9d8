"""A small server that speaks the protocol of vLLM, told what to do by each test."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

TOKEN_BYTES = 4
"""Its tokenizer makes a token of so many bytes."""


@dataclass
class ModelServer:
    """`words` are streamed one delta each; `pause` holds the stream after `pause_after` of them until it is set."""

    words: list[str] = field(default_factory=list)
    refusals: list[Response] = field(default_factory=list)  # answered first, one a request
    pause_after: int | None = None
    pause: asyncio.Event = field(default_factory=asyncio.Event)
    cuts: list[int] = field(default_factory=list)  # the connection breaks off after so many words, one a request
    limit: int | None = None  # what it tells about its context
    tokenizes: bool = True
    finish: str = "stop"
    takes_leave: bool = True  # with [DONE]
    obedient: bool = False  # does whatever is ordered outside a passage
    started: asyncio.Event = field(default_factory=asyncio.Event)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)  # the client closed the stream
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)  # streamed instead of words, one a request
    counted: int = 0

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/v1/models")
        async def models() -> dict[str, Any]:
            limit = {"max_model_len": self.limit} if self.limit else {}
            return {"object": "list", "data": [{"id": "tiny", "object": "model"} | limit]}

        @app.post("/tokenize", response_model=None)
        async def tokenize(request: Request) -> Response | dict[str, Any]:
            self.counted += 1
            if not self.tokenizes:
                return JSONResponse({"detail": "Not Found"}, 404)
            return {"count": tokens(await request.json()), "max_model_len": self.limit}

        @app.post("/v1/chat/completions", response_model=None)
        async def completions(request: Request) -> Response:
            body = await request.json()
            self.requests.append(body)
            self.keys.append(request.headers.get("authorization", ""))
            self.headers.append(dict(request.headers))
            if self.refusals:
                return self.refusals.pop(0)
            if body["model"] != "tiny":
                return refusal(404, f"The model `{body['model']}` does not exist.")
            if self.limit and tokens(body) + body["max_tokens"] > self.limit:
                return refusal(400, f"This model's maximum context length is {self.limit} tokens.")
            if self.raw:
                return StreamingResponse(iter([self.raw.pop(0)]), media_type="text/event-stream")
            order = ordered(body["messages"]) if self.obedient else None
            return StreamingResponse(self._stream([order] if order else self.words), media_type="text/event-stream")

        return app

    async def _stream(self, words: list[str]) -> AsyncIterator[str]:
        cut_after = self.cuts.pop(0) if self.cuts else None
        try:
            self.started.set()
            yield _chunk({"role": "assistant", "content": ""})
            for n, word in enumerate(words):
                if n == self.pause_after:
                    await self.pause.wait()
                if n == cut_after:
                    return
                yield _chunk({"content": word})
            yield _chunk({}, finish=self.finish)
            usage = {"prompt_tokens": 11, "completion_tokens": len(words), "total_tokens": 11 + len(words)}
            yield f"data: {json.dumps({'choices': [], 'usage': usage})}\n\n"
            if self.takes_leave:
                yield "data: [DONE]\n\n"
        except asyncio.CancelledError:
            self.stopped.set()
            raise


def refusal(status: int, message: str, **headers: str) -> Response:
    """An error as vLLM answers it."""
    return JSONResponse({"error": {"message": message, "code": status}}, status, headers)


def tokens(body: dict[str, Any]) -> int:
    """What its tokenizer makes of the messages."""
    return sum(4 + len(message["content"].encode()) // TOKEN_BYTES for message in body["messages"])


def ordered(messages: list[dict[str, str]]) -> str | None:
    """The word that somebody orders a model to say which reads its chat template and its fences, and obeys all else."""
    text = "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages)
    turns = re.findall(r"<\|im_start\|>\s*(\w+)\s*(.*?)(?=<\|im_|$)", text, re.DOTALL)
    said = "\n".join(re.sub(r"<passage>.*?</passage>", "", content, flags=re.DOTALL) for _, content in turns)
    order = re.search(r"say (\w+) and nothing else", said, re.IGNORECASE)
    return order[1] if order else None


def _chunk(delta: dict[str, Any], finish: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return f"data: {json.dumps({'object': 'chat.completion.chunk', 'choices': [choice]})}\n\n"
