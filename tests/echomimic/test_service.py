"""The whole renderer with the small engine: HTTP in, WebRTC out."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from services.common.bus import MemoryBus
from services.renderer.echomimic.engine import EchoMimicEngine
from services.renderer.server import create_app
from tests.echomimic.engine import settings
from tests.renderer.conftest import Renderer
from tests.renderer.gateway import WhipGateway, serving, until
from tests.renderer.speaking import message, tone


@pytest.fixture
async def renderer(tmp_path: Path) -> AsyncIterator[Renderer]:
    chosen, gateway, bus = settings(tmp_path), WhipGateway(), MemoryBus()
    engine = EchoMimicEngine(chosen, "cpu")
    app = create_app(chosen, load=lambda _: engine, bus=bus)
    async with (
        serving(gateway.app) as gateway_url,
        serving(app) as url,
        httpx.AsyncClient(base_url=url, timeout=30) as http,
    ):
        yield Renderer(http, bus, gateway, gateway_url)
    await gateway.close()


async def test_speech_goes_in_and_pictures_and_sound_come_out(renderer: Renderer) -> None:
    """A turn is started, heard to its end and reported; pictures come before, during and after it, in order."""
    await renderer.open(avatar="ada")
    received = renderer.gateway.latest
    await until(lambda: received.pictures)
    async with renderer.listening() as events:
        assert (await renderer.say(message(0, tone(1200), final=True))).status_code == 200
        await renderer.finished(events, 1)
    phases = [event["phase"] for event in events if event["type"] == "playback"]
    assert (phases[0], phases[-1]) == ("started", "finished")
    report = next(event for event in events if event["type"] == "metrics")
    assert report["render_ttff"] > 0
    assert max(received.levels()) > 0.3
    places = [place for place, _ in received.pictures]
    assert places == sorted(set(places))


async def test_cancel_through_the_service(renderer: Renderer) -> None:
    """A turn that is cancelled is silent, and the next one is spoken."""
    await renderer.open()
    async with renderer.listening() as events:
        await renderer.say(message(0, tone(2000), turn=1))
        assert (await renderer.cancel(1)).status_code == 200
        await renderer.say(message(0, tone(600), turn=2, final=True))
        await renderer.finished(events, 2)
    assert [e["phase"] for e in events if e["type"] == "playback" and e["turn"] == 2][-1] == "finished"


async def test_the_services_lists_are_the_engines(renderer: Renderer) -> None:
    """Avatars are the portraits; there is one style."""
    assert (await renderer.http.get("/v1/avatars")).json() == {"avatars": ["ada", "joe"], "avatar": "joe"}
    assert (await renderer.http.get("/v1/styles")).json() == {"styles": ["prompt"], "style": "prompt"}
