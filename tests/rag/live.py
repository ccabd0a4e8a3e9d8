"""Services on real sockets, for tests."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

PATIENCE_S = 20


@asynccontextmanager
async def listening(app: FastAPI) -> AsyncIterator[str]:
    """The app served on a free port of this machine; yields its address."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
    with socket.create_server(("127.0.0.1", 0)) as bound:
        running = asyncio.create_task(server.serve(sockets=[bound]))
        try:

            async def is_up() -> bool:
                return server.started or running.done()

            await until(is_up)
            assert not running.done(), "the server ended before it was up"
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        finally:
            server.should_exit = True
            await running


async def until(holds: Callable[[], Awaitable[bool]], patience_s: float = PATIENCE_S) -> None:
    """Wait until a condition holds, asking again and again."""
    async with asyncio.timeout(patience_s):
        while not await holds():  # noqa: ASYNC110  # what is waited for has no event to await
            await asyncio.sleep(0.02)


async def ready(client: httpx.AsyncClient) -> None:
    """Wait until the service says that it is ready."""

    async def is_ready() -> bool:
        return (await client.get("/readyz")).status_code == 200

    await until(is_ready)


async def events(response: httpx.Response) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """(name, data) of the server-sent events as they arrive."""
    name = ""
    async for line in response.aiter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


async def ask(client: httpx.AsyncClient, text: str, history: list[dict[str, str]] | None = None) -> "Heard":
    """A whole answer."""
    heard = Heard()
    body = {"session": "s1", "turn": 1, "text": text, "history": history or []}
    async with client.stream("POST", "/v1/answer", json=body) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        async for name, data in events(response):
            assert data["type"] == name
            heard.events.append((name, data))
    return heard


class Heard:
    """The events of one answer."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def of(self, name: str) -> list[dict[str, Any]]:
        return [data for kind, data in self.events if kind == name]

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.events]

    @property
    def text(self) -> str:
        return "".join(data["text"] for data in self.of("delta"))

    @property
    def route(self) -> str:
        return str(self.of("retrieval")[-1]["route"])

    @property
    def fallback(self) -> str:
        """Why the model did not answer, or blank."""
        return str(self.of("retrieval")[-1]["fallback"])

    @property
    def cited(self) -> list[str]:
        """The sources that the answer cites, in order."""
        passages = {p["id"]: p["source"] for event in self.of("retrieval") for p in event["passages"]}
        return list(dict.fromkeys(passages[i] for data in self.of("delta") for i in data["citations"]))
