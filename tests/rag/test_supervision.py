"""Background work of rag-llm: each piece of it that fails is named at `/readyz`, at once."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import pytest

from services.common.background import Background
from services.common.bus import MemoryBus
from services.rag_llm.index import live
from services.rag_llm.index.store import Store
from services.rag_llm.server import create_app
from services.rag_llm.settings import Config, RagSettings
from tests.rag.live import PATIENCE_S


def breaks(*_: object, **__: object) -> None:
    raise RuntimeError("out of order")


def breaks_once_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store cannot be looked at any more after the start."""
    start = live.LiveIndex.start

    async def start_then_break(index: live.LiveIndex) -> None:
        await start(index)
        monkeypatch.setattr(Store, "generation", breaks)

    monkeypatch.setattr(live, "WATCH_S", 0)
    monkeypatch.setattr(live.LiveIndex, "start", start_then_break)


BREAKS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "index": lambda patch: patch.setattr(live, "ingest", breaks),
    "index, once it is there": breaks_once_it_is_there,
    "folder": lambda patch: patch.setattr(live, "changes", breaks),
    "control": lambda patch: patch.setattr(MemoryBus, "subscribe", breaks),
    "heartbeat": lambda patch: patch.setattr(MemoryBus, "publish", breaks),
}
"""The name of each piece of work, and how what it runs is broken."""


@pytest.fixture
def following(config: Config) -> Config:
    """A service that follows its folder keeps all the work there is."""
    return config.model_copy(update={"ingest": config.ingest.model_copy(update={"watch": True})})


@pytest.mark.parametrize("broken", BREAKS)
async def test_work_that_fails_is_named_at_once(
    broken: str, settings: RagSettings, following: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`/readyz` is 503 with the name of the work as soon as it has raised."""
    BREAKS[broken](monkeypatch)
    app = create_app(settings, MemoryBus(), following)
    failed = asyncio.Event()
    app.state.background.when_failed(failed.set)
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://rag") as http:
        await asyncio.wait_for(failed.wait(), PATIENCE_S)
        answer = await http.get("/readyz")
    assert (answer.status_code, answer.json()["missing"]) == (503, ["background"])
    assert answer.json()["detail"].startswith(f"{broken.partition(',')[0]} failed (RuntimeError)")


async def test_no_work_is_left_out(settings: RagSettings, following: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above breaks every piece of work that the service keeps."""
    kept: list[str] = []
    keep = Background.keep

    def noted(background: Background, name: str, work: Coroutine[Any, Any, None]) -> None:
        kept.append(name)
        keep(background, name, work)

    monkeypatch.setattr(Background, "keep", noted)
    app = create_app(settings, MemoryBus(), following)
    async with app.router.lifespan_context(app):
        pass
    assert set(kept) == {name.partition(",")[0] for name in BREAKS}
