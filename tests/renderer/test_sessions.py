"""Sessions by the HTTP API: opened, listed, restyled, ended."""

import asyncio

import httpx

from services.common.bus import MemoryBus
from services.renderer.server import create_app
from services.renderer.settings import RendererSettings
from tests.renderer.conftest import Renderer
from tests.renderer.disc import DiscEngine
from tests.renderer.gateway import WhipGateway, serving, until
from tests.renderer.problems import problem
from tests.renderer.speaking import message, tone


async def test_a_session_from_open_to_end(renderer: Renderer) -> None:
    """A session is listed while it lives; opening it again changes nothing and says 200."""
    response = await renderer.http.post("/v1/sessions", json=renderer.wish(style="dark"))
    assert response.status_code == 201
    assert response.headers["Location"] == "/v1/sessions/s1"
    view = {"session": "s1", "state": "live", "avatar": "disc", "style": "dark", "turn": 0, "buffered_ms": 0}
    assert response.json() == view
    again = await renderer.http.post("/v1/sessions", json=renderer.wish())
    assert (again.status_code, again.json()) == (200, view)
    assert len(renderer.gateway.received) == 1
    assert (await renderer.http.get("/v1/sessions")).json() == {"sessions": [view], "capacity": 2}
    assert (await renderer.http.delete("/v1/sessions/s1")).status_code == 204
    assert (await renderer.http.get("/v1/sessions")).json()["sessions"] == []


async def test_two_at_once_open_one(renderer: Renderer) -> None:
    """The same session asked for twice at the same time is opened once."""
    both = await asyncio.gather(*(renderer.http.post("/v1/sessions", json=renderer.wish()) for _ in range(2)))
    assert sorted(r.status_code for r in both) == [200, 201]
    assert len(renderer.gateway.received) == 1


async def test_a_full_renderer_says_so(renderer: Renderer) -> None:
    """More sessions than RENDERER_SESSIONS are refused with 503 until one ends."""
    await renderer.open("a")
    await renderer.open("b")
    document = await renderer.http.post("/v1/sessions", json=renderer.wish("c"))
    problem(document, 503, "RENDERER_SESSIONS")
    await renderer.http.delete("/v1/sessions/a")
    await renderer.open("c")


async def test_styles_and_avatars(renderer: Renderer) -> None:
    """The engine's presets are listed; a style in force is seen; one that is not there is refused by name."""
    assert (await renderer.http.get("/v1/styles")).json() == {"styles": ["light", "dark"], "style": "light"}
    assert (await renderer.http.get("/v1/avatars")).json() == {"avatars": ["disc", "ring"], "avatar": "disc"}
    await renderer.open(avatar="ring")
    received = renderer.gateway.latest
    await until(lambda: received.brightness > 80)
    assert (await renderer.http.post("/v1/sessions/s1/style", json={"style": "dark"})).json() == {"style": "dark"}
    await until(lambda: received.brightness < 40)
    problem(await renderer.http.post("/v1/sessions/s1/style", json={"style": "pink"}), 422, "style", "pink", "light")
    problem(await renderer.http.post("/v1/sessions/s1/style", json={}), 422, "style")


async def test_unknown_sessions(renderer: Renderer) -> None:
    """Every call for a session that is not on air is a 404 that says what to do; an impossible name is a 422."""
    calls = [
        ("POST", "speech", message(0, tone(200), session="nobody")),
        ("POST", "cancel", {"turn": 1}),
        ("POST", "pause", {"turn": 1}),
        ("POST", "resume", {"turn": 1}),
        ("POST", "style", {"style": "dark"}),
        ("GET", "events", None),
    ]
    for method, call, body in calls:
        response = await renderer.http.request(method, f"/v1/sessions/nobody/{call}", json=body)
        problem(response, 404, "nobody", "POST /v1/sessions")
        problem(await renderer.http.request(method, f"/v1/sessions/no.body/{call}", json=body), 422, "session")
    problem(await renderer.http.delete("/v1/sessions/nobody"), 404, "nobody")


async def test_a_session_that_nobody_listens_to_ends() -> None:
    """Without a reader of its events a session closes itself, and gives its place in the gateway back."""
    gateway, settings = WhipGateway(), RendererSettings(avatar="disc", log_level="error")
    app = create_app(settings, load=lambda _: DiscEngine(), bus=MemoryBus(), linger_s=1.0)
    async with serving(gateway.app) as there, serving(app) as url, httpx.AsyncClient(base_url=url) as http:
        renderer = Renderer(http, MemoryBus(), gateway, there)
        await renderer.open()
        await until(lambda: gateway.deleted == ["s1/1"])
        problem(await renderer.cancel(1), 404)
        await renderer.open()
    await gateway.close()
