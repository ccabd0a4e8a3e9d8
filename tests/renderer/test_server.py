"""The renderer's HTTP API: what it answers, and what it answers to bad input."""

import asyncio
import base64
import os
import signal
import sys
from pathlib import Path
from typing import Any

import httpx

from services.common.bus import MemoryBus
from services.common.messages import SERVICES_CHANNEL, Cancel, Close, Heartbeat, control_channel
from services.renderer.server import MAX_BODY, create_app
from services.renderer.settings import RendererSettings
from tests.renderer.conftest import Renderer
from tests.renderer.disc import DiscEngine
from tests.renderer.gateway import Received, WhipGateway, serving, until
from tests.renderer.speaking import message, tone

ROOT = Path(__file__).parents[2]
JSON = {"Content-Type": "application/json"}


def problem(response: httpx.Response, status: int, *mentions: str) -> dict[str, Any]:
    """The problem document of a response that must be one."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    for mention in mentions:
        assert mention in document["detail"], document
    return document


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


async def test_playback_captions_and_metrics_are_told_in_order(renderer: Renderer) -> None:
    """The events of a turn: started, positions and captions as they are heard, finished, then its metrics."""
    await renderer.open()
    spoken = [{"t0": 0, "t1": 140, "text": "hello"}, {"t0": 150, "t1": 390, "text": "there"}]
    async with renderer.listening() as events:
        taken = await renderer.say(message(0, tone(400), turn=3, words=spoken, final=True))
        assert taken.json() == {"turn": 3, "buffered_ms": 400, "dropped": False}
        await renderer.finished(events, 3)
    assert [e.get("phase") or e.get("word") or e["type"] for e in events] == [
        *("started", "hello", "playing", "there", "playing", "playing", "finished", "metrics")
    ]
    assert {e["session"] for e in events} == {"s1"}
    assert {e["turn"] for e in events} == {3}
    metrics = events[-1]
    assert metrics["render_ttff"] > 0
    assert metrics["underruns_total"] == 0
    assert metrics["final_fps"] > 0
    assert metrics["e2e_latency"] is None


async def test_a_cancelled_turn_is_over(renderer: Renderer) -> None:
    """A cancelled turn's metrics are its last event, and its late speech is dropped; the next turn is spoken."""
    await renderer.open()
    async with renderer.listening() as events:
        await renderer.say(message(0, tone(1000)))
        await until(lambda: events)
        heard = (await renderer.cancel(1)).json()["heard_ms"]
        assert 0 < heard < 1000
        assert (await renderer.say(message(1000, tone(200)))).json() == {"turn": 1, "buffered_ms": 0, "dropped": True}
        assert (await renderer.cancel(1)).json() == {"heard_ms": heard}
        await renderer.say(message(0, tone(200), turn=2, final=True))
        await renderer.finished(events, 2)
    turns = [e["turn"] for e in events]
    assert turns == sorted(turns)
    assert [e["type"] for e in events if e["turn"] == 1][-1] == "metrics"
    assert not any(e.get("phase") == "finished" for e in events if e["turn"] == 1)


async def test_a_paused_turn_is_silent_until_it_goes_on(renderer: Renderer) -> None:
    """Paused, it says once it is silent how much was heard, and nothing more happens; resumed, it goes on there."""
    await renderer.open()
    async with renderer.listening() as events:
        await renderer.say(message(0, tone(1000), final=True))
        await until(lambda: len(events) > 2)
        heard = (await renderer.order("pause", 1)).json()["heard_ms"]
        assert 0 < heard < 1000
        received = renderer.gateway.latest
        await pictures(received, 4)  # what was on its way has arrived
        told = list(events)
        await pictures(received, 4)
        assert events == told
        assert received.level() < 0.01
        assert (await renderer.order("pause", 1)).json() == {"heard_ms": heard}
        assert (await renderer.order("resume", 1)).json() == {"heard_ms": heard}
        await renderer.finished(events, 1)
    assert [e["t"] for e in events if e.get("phase") == "finished"] == [1000]
    assert events[-1]["underruns_total"] == 0


async def pictures(received: Received, more: int) -> None:
    """Returns once so many more have come."""
    enough = len(received.pictures) + more
    await until(lambda: len(received.pictures) >= enough)


async def test_cancelling_a_paused_turn(renderer: Renderer) -> None:
    """What was heard stays known, and the next turn is spoken."""
    await renderer.open()
    async with renderer.listening() as events:
        await renderer.say(message(0, tone(1000)))
        await until(lambda: events)
        heard = (await renderer.order("pause", 1)).json()["heard_ms"]
        assert (await renderer.cancel(1)).json() == {"heard_ms": heard}
        assert (await renderer.order("resume", 1)).json() == {"heard_ms": heard}
        await renderer.say(message(0, tone(200), turn=2, final=True))
        await renderer.finished(events, 2)
    assert not any(e.get("phase") == "finished" for e in events if e["turn"] == 1)


async def test_the_short_form_is_spoken(renderer: Renderer) -> None:
    """A message without turn, words and final is spoken as a new turn."""
    await renderer.open()
    async with renderer.listening() as events:
        body = message(0, tone(200), turn=None, visemes=[{"t": 0, "v": "AA"}, {"t": 90, "v": "EH"}])
        assert (await renderer.say(body)).json()["turn"] == 1
        await renderer.finished(events, 1)
    assert [e["phase"] for e in events if e["type"] == "playback"][-1] == "finished"


async def test_a_full_buffer_refuses(renderer: Renderer) -> None:
    """Speech beyond BUFFER_SECONDS gets 429 with Retry-After and does not disturb what is spoken."""
    await renderer.open()
    await renderer.say(message(0, tone(2400), final=False))
    refused = await renderer.say(message(2400, tone(2400)))
    problem(refused, 429, "2500 ms")
    assert int(refused.headers["Retry-After"]) >= 1
    view = (await renderer.http.get("/v1/sessions")).json()["sessions"][0]
    assert 0 < view["buffered_ms"] <= 2400


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


async def test_the_control_channel_is_obeyed(renderer: Renderer) -> None:
    """Cancel and close on the bus do what the calls do; noise and other sessions' orders are passed over."""
    await renderer.open()
    channel = control_channel("s1")
    await renderer.say(message(0, tone(2000)))
    await renderer.bus.publish(channel, Heartbeat(service="odd", instance="1"))
    await renderer.bus.publish(control_channel("other"), Close(session="other"))
    await until(lambda: renderer.gateway.latest.level() > 0.2)
    await renderer.bus.publish(channel, Cancel(session="s1", turn=1))
    await until(lambda: renderer.gateway.latest.level() < 0.05)
    assert (await renderer.say(message(2000, tone(200)))).json()["dropped"]
    await renderer.bus.publish(channel, Close(session="s1"))
    await until(lambda: renderer.gateway.deleted)


async def test_heartbeats_tell_the_load(renderer: Renderer) -> None:
    """The renderer says on the bus how many of its places are taken."""
    await renderer.open()
    async with asyncio.timeout(5):
        async for _, text in renderer.bus.subscribe(SERVICES_CHANNEL):
            beat = Heartbeat.model_validate_json(text)
            break
    assert (beat.service, beat.sessions, beat.capacity) == ("renderer", 1, 2)


BAD_SESSIONS: list[tuple[str, dict[str, Any]]] = [
    ("session", {"session": "a/b"}),
    ("session", {"session": ""}),
    ("session", {"session": None}),
    ("publish_url", {"publish_url": "ftp://gateway/whip/s1"}),
    ("publish_url", {"publish_url": "not an address"}),
    ("token", {"token": ""}),
    ("token", {"token": "line\nbreak"}),
    ("avatar", {"avatar": "nobody"}),
    ("avatar", {"avatar": 7}),
    ("style", {"style": "pink"}),
]


async def test_a_bad_session_request_names_the_field(renderer: Renderer) -> None:
    """Whatever is wrong with the request for a session, the answer is a 422 that names the field."""
    for field, change in BAD_SESSIONS:
        problem(await renderer.http.post("/v1/sessions", json=renderer.wish() | change), 422, field)
    for body in (b"", b"{", b"[]"):
        problem(await renderer.http.post("/v1/sessions", content=body, headers=JSON), 422)
    problem(await renderer.http.post("/v1/sessions", content=b"\xff", headers=JSON), 400)  # not even UTF-8
    assert (await renderer.http.get("/v1/sessions")).json()["sessions"] == []


CHUNK = message(0, tone(200))["chunks"][0]  # type: ignore[index]
ODD = base64.b64encode(bytes(6399)).decode()

BAD_SPEECH: list[tuple[str, int, dict[str, Any]]] = [
    ("sr", 422, {"sr": 1000}),
    ("sr", 422, {"sr": "fast"}),
    ("turn", 422, {"turn": 0}),
    ("turn", 422, {"turn": "next"}),
    ("session", 422, {"session": "s2"}),
    ("session", 422, {"session": None}),
    ("chunks", 422, {"chunks": None}),
    ("chunks", 422, {"chunks": [CHUNK | {"pcm_b64": "§§§"}]}),
    ("chunks", 422, {"chunks": [CHUNK | {"pcm_b64": ODD}]}),
    ("chunks", 422, {"chunks": [CHUNK | {"t1": 300}]}),
    ("chunks", 422, {"chunks": [CHUNK | {"t0": 200, "t1": 0}]}),
    ("chunks", 422, {"chunks": [CHUNK, CHUNK]}),
    ("chunks", 409, {"chunks": [CHUNK | {"t0": 600, "t1": 800}]}),
    ("chunks", 409, {"chunks": [CHUNK | {"t0": 0, "t1": 200}], "turn": 1}),
    ("visemes", 422, {"visemes": [{"t": 0, "v": "XX"}]}),
    ("visemes", 422, {"visemes": [{"t": 90, "v": "AA"}, {"t": 0, "v": "AA"}]}),
    ("words", 422, {"words": [{"t0": 0, "t1": 90, "text": ""}]}),
]


async def test_bad_speech_names_the_field_and_disturbs_nobody(renderer: Renderer) -> None:
    """Every malformed message gets a 4xx that names the field, and the turn that is spoken is heard to its end."""
    await renderer.open()
    async with renderer.listening() as events:
        await renderer.say(message(0, tone(400)))
        for field, status, change in BAD_SPEECH:
            problem(await renderer.say(message(400, tone(200)) | change), status, field)
        for body in (b"", b"{", b"[]", b"\xff\xfe", b'{"session":"s1"}'):
            response = await renderer.http.post("/v1/sessions/s1/speech", content=body, headers=JSON)
            problem(response, 422)
        large = b'{"session":"' + b"x" * MAX_BODY + b'"}'
        problem(await renderer.http.post("/v1/sessions/s1/speech", content=large, headers=JSON), 413)
        assert (await renderer.say(message(400, tone(200), final=True))).status_code == 200
        await renderer.finished(events, 1)
    assert [e["t"] for e in events if e.get("phase") == "finished"] == [600]


async def test_bad_cancels(renderer: Renderer) -> None:
    """An order without a turn is refused; a cancel of a turn that is yet to come is remembered."""
    await renderer.open()
    for turn in (None, 0, -1, "all", 1.5):
        for what in ("cancel", "pause", "resume"):
            problem(await renderer.order(what, turn), 422, "turn")
    assert (await renderer.cancel(5)).json() == {"heard_ms": 0}
    assert (await renderer.say(message(0, tone(200), turn=5))).json()["dropped"]
    assert not (await renderer.say(message(0, tone(200), turn=6))).json()["dropped"]


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


async def test_readiness_and_metrics(renderer: Renderer) -> None:
    """It is ready while its bus is there, and its metrics carry the names of the contract."""
    assert (await renderer.http.get("/readyz")).status_code == 200
    await renderer.open()
    text = (await renderer.http.get("/metrics")).text
    for name in ("av_skew_ms", "final_fps", "buffer_ms", "underruns_total", "render_ttff", "playback_latency"):
        assert f"# HELP {name} " in text or f"# HELP {name.removesuffix('_total')}" in text


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


async def test_sigterm_ends_sessions_and_streams() -> None:
    """Told to stop, the renderer ends its streams, deletes its WHIP resources and exits by itself."""
    gateway = WhipGateway()
    command = [sys.executable, "-m", "tests.renderer.standalone"]
    async with serving(gateway.app) as there:
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, cwd=ROOT)
        assert process.stdout is not None
        try:
            async with asyncio.timeout(20):
                port = int(await process.stdout.readline())
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
                renderer = Renderer(http, MemoryBus(), gateway, there)
                await until_up(http)
                await renderer.open()
                async with http.stream("GET", "/v1/sessions/s1/events") as stream:
                    os.kill(process.pid, signal.SIGTERM)
                    assert [line async for line in stream.aiter_lines()] == []
            async with asyncio.timeout(5):
                await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert gateway.deleted == ["s1/1"]
    await gateway.close()


async def until_up(http: httpx.AsyncClient) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                await http.get("/healthz")
            except httpx.TransportError:
                await asyncio.sleep(0.05)
            else:
                return
