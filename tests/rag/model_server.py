"""A small server that speaks the protocol of vLLM, told what to do by each test."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse


@dataclass
class ModelServer:
    """`words` are streamed one delta each; `pause` holds the stream after `pause_after` of them until it is set."""

    words: list[str] = field(default_factory=list)
    status: int = 200
    pause_after: int | None = None
    pause: asyncio.Event = field(default_factory=asyncio.Event)
    cut_after: int | None = None  # the connection breaks off after so many words
    started: asyncio.Event = field(default_factory=asyncio.Event)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)  # the client closed the stream
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/v1/models")
        async def models() -> dict[str, Any]:
            return {"object": "list", "data": [{"id": "tiny", "object": "model"}]}

        @app.post("/v1/chat/completions", response_model=None)
        async def completions(request: Request) -> StreamingResponse | JSONResponse:
            self.requests.append(await request.json())
            self.keys.append(request.headers.get("authorization", ""))
            if self.status != 200:
                return JSONResponse({"error": {"message": "too busy"}}, self.status)
            return StreamingResponse(self._stream(), media_type="text/event-stream")

        return app

    async def _stream(self) -> AsyncIterator[str]:
        try:
            self.started.set()
            yield _chunk({"role": "assistant", "content": ""})
            for n, word in enumerate(self.words):
                if n == self.pause_after:
                    await self.pause.wait()
                if n == self.cut_after:
                    return
                yield _chunk({"content": word})
            yield _chunk({}, finish="stop")
            usage = {"prompt_tokens": 11, "completion_tokens": len(self.words), "total_tokens": 11 + len(self.words)}
            yield f"data: {json.dumps({'choices': [], 'usage': usage})}\n\n"
            yield "data: [DONE]\n\n"
        except asyncio.CancelledError:
            self.stopped.set()
            raise


def _chunk(delta: dict[str, Any], finish: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return f"data: {json.dumps({'object': 'chat.completion.chunk', 'choices': [choice]})}\n\n"
