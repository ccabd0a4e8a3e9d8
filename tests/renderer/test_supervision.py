"""Nothing that the renderer does in the background dies unseen."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from services.common.background import Background
from services.common.bus import MemoryBus
from services.common.messages import Close, control_channel
from services.renderer.media.publisher import Publication
from services.renderer.server import create_app
from services.renderer.sessions.registry import SessionRegistry
from services.renderer.settings import RendererSettings
from services.renderer.streaming_buffer import StreamingBuffer
from tests.renderer.conftest import Renderer
from tests.renderer.disc import DiscEngine, DiscPerformer
from tests.renderer.gateway import until
from tests.renderer.problems import problem
from tests.renderer.speaking import message, tone

SETTINGS = RendererSettings(avatar="disc", log_level="error")


def out_of_order(*_: Any, **__: Any) -> Any:
    raise RuntimeError("out of order")


async def fails(*_: Any, **__: Any) -> Any:
    raise RuntimeError("out of order")


KEPT = {
    "control": (SessionRegistry, "obey"),
    "engine": (DiscEngine, "supervise"),
    "heartbeat": (SessionRegistry, "heartbeat"),
}
"""Kept work by name, and what is broken to make it fail."""


async def test_all_kept_work_is_listed_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kept work that is added to the service is added to the tests below."""
    kept, keep = [], Background.keep

    def noted(self: Background, name: str, work: Any) -> None:
        kept.append(name)
        keep(self, name, work)

    monkeypatch.setattr(Background, "keep", noted)
    app = create_app(SETTINGS, load=lambda _: DiscEngine(), bus=MemoryBus())
    async with app.router.lifespan_context(app):
        assert sorted(kept) == sorted(KEPT)


@pytest.mark.parametrize("name", KEPT)
async def test_kept_work_that_fails_makes_the_renderer_unready(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`/readyz` is 503 at once and names what failed, and so does the log."""
    where, what = KEPT[name]
    monkeypatch.setattr(where, what, fails if asyncio.iscoroutinefunction(getattr(where, what)) else out_of_order)
    bus = MemoryBus()
    app = create_app(SETTINGS, load=lambda _: DiscEngine(), bus=bus)
    failed = asyncio.Event()
    app.state.background.when_failed(failed.set)
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://r") as http:
        await asyncio.sleep(0)  # whoever follows the bus begins
        await bus.publish(control_channel("s1"), Close(session="s1"))
        await asyncio.wait_for(failed.wait(), 5)
        problem(await http.get("/readyz"), 503, f"{name} failed (RuntimeError)")
    logged = capsys.readouterr().out
    assert f"work={name}" in logged
    assert "out of order" in logged


def break_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = DiscPerformer.frame
    monkeypatch.setattr(
        DiscPerformer, "frame", lambda self, moment: (out_of_order if self._heard else draw)(self, moment)
    )


def break_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DiscPerformer, "hear", out_of_order)


def break_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    tick = StreamingBuffer.tick
    monkeypatch.setattr(StreamingBuffer, "tick", lambda self, **how: (out_of_order if self.turn else tick)(self, **how))


def break_publishing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Publication, "open", fails)


async def speak(renderer: Renderer) -> None:
    assert (await renderer.say(message(0, tone(400), session="bad"), "bad")).status_code == 200


async def lose_the_gateway(renderer: Renderer) -> None:
    renderer.gateway.vanish()


@pytest.mark.parametrize(
    ("breaks", "begins"),
    [
        pytest.param(break_drawing, speak, id="draw"),
        pytest.param(break_orders, speak, id="order"),
        pytest.param(break_sound, speak, id="sound"),
        pytest.param(break_publishing, lose_the_gateway, id="publishing"),
    ],
)
async def test_a_session_s_work_that_fails_ends_that_session_alone(
    renderer: Renderer,
    breaks: Callable[[pytest.MonkeyPatch], None],
    begins: Callable[[Renderer], Awaitable[None]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is logged with the session's name and gives its place back; the other goes on, and `/readyz` stays 200."""
    await renderer.open("good")
    await renderer.open("bad")
    good = renderer.gateway.received[0]
    breaks(monkeypatch)
    await begins(renderer)
    await on_air(renderer, "good")
    problem(await renderer.cancel(1, "bad"), 404, "bad")
    await until(lambda: renderer.gateway.deleted == ["bad/2"])
    shown = len(good.pictures)
    await until(lambda: len(good.pictures) > shown + 3)
    assert (await renderer.http.get("/readyz")).status_code == 200
    assert "session bad" in caplog.text
    assert "out of order" in caplog.text
    assert "session good" not in caplog.text


async def on_air(renderer: Renderer, *names: str) -> None:
    """Returns once these sessions are left."""
    async with asyncio.timeout(20):
        while await sessions(renderer) != list(names):  # noqa: ASYNC110 # HTTP
            await asyncio.sleep(0.05)


async def sessions(renderer: Renderer) -> list[str]:
    return [session["session"] for session in (await renderer.http.get("/v1/sessions")).json()["sessions"]]


async def test_a_session_that_fails_as_it_begins_is_refused(
    renderer: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If not even the first picture can be drawn, the request for the session says so, and nothing is left of it."""
    monkeypatch.setattr(DiscPerformer, "frame", out_of_order)
    problem(await renderer.http.post("/v1/sessions", json=renderer.wish()), 503, "s1 ended while it started")
    assert await sessions(renderer) == []
    assert renderer.gateway.deleted == ["s1/1"]
    assert (await renderer.http.get("/readyz")).status_code == 200
