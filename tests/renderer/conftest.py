"""A renderer and the gateway that it publishes to, both real servers on free ports."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from services.common.bus import MemoryBus
from services.renderer.server import create_app
from services.renderer.settings import RendererSettings
from tests.renderer.disc import DiscEngine
from tests.renderer.gateway import WhipGateway, serving, until


@dataclass
class Renderer:
    """The renderer's API, its bus, and where its publications go."""

    http: httpx.AsyncClient
    bus: MemoryBus
    gateway: WhipGateway
    gateway_url: str
    told: list[dict[str, Any]] = field(default_factory=list)  # events that were read

    def wish(self, session: str = "s1", **more: Any) -> dict[str, Any]:
        """The body of POST /v1/sessions."""
        url = f"{self.gateway_url}/whip/{session}"
        return {"session": session, "publish_url": url, "token": self.gateway.token} | more

    async def open(self, session: str = "s1", **more: Any) -> None:
        response = await self.http.post("/v1/sessions", json=self.wish(session, **more))
        assert response.status_code == 201, response.text

    async def say(self, body: dict[str, Any], session: str = "s1") -> httpx.Response:
        return await self.http.post(f"/v1/sessions/{session}/speech", json=body)

    async def cancel(self, turn: Any, session: str = "s1") -> httpx.Response:
        return await self.order("cancel", turn, session)

    async def order(self, what: str, turn: Any, session: str = "s1") -> httpx.Response:
        """cancel, pause or resume"""
        return await self.http.post(f"/v1/sessions/{session}/{what}", json={"turn": turn})

    @contextlib.asynccontextmanager
    async def listening(self, session: str = "s1") -> AsyncIterator[list[dict[str, Any]]]:
        """Reads the session's events into a list that grows."""
        events: list[dict[str, Any]] = []

        async def read() -> None:
            async with self.http.stream("GET", f"/v1/sessions/{session}/events") as stream:
                async for line in stream.aiter_lines():
                    events.append(json.loads(line))

        task = asyncio.create_task(read())
        try:
            yield events
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def finished(self, events: list[dict[str, Any]], turn: int) -> None:
        """Returns once the turn's metrics came, which follow its end."""
        await until(lambda: any(e["type"] == "metrics" and e["turn"] == turn for e in events))


@pytest.fixture
async def renderer() -> AsyncIterator[Renderer]:
    gateway, bus = WhipGateway(), MemoryBus()
    settings = RendererSettings(avatar="disc", renderer_sessions=2, log_level="error")
    app = create_app(settings, load=lambda _: DiscEngine(), bus=bus)
    async with (
        serving(gateway.app) as gateway_url,
        serving(app) as url,
        httpx.AsyncClient(base_url=url, timeout=10) as http,
    ):
        yield Renderer(http, bus, gateway, gateway_url)
    await gateway.close()
