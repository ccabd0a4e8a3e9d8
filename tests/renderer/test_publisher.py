"""Publishing over real WebRTC, to a WHIP endpoint made with aiortc."""

import asyncio
import itertools
from typing import Any

import av
import numpy as np
import pytest
from fastapi import FastAPI, Response

from services.renderer.media.clock import FPS, SAMPLES_PER_TICK
from services.renderer.media.encoding import VIDEO_RATE
from services.renderer.media.tracks import OutgoingTrack
from tests.renderer.conftest import Renderer
from tests.renderer.gateway import Received, WhipGateway, serving, until
from tests.renderer.speaking import message, tone


async def test_idle_is_an_unbroken_picture_and_silence(renderer: Renderer) -> None:
    """With nothing to say, frames of silence 20 ms apart arrive, none missing, and pictures of the 1/15 s grid."""
    await renderer.open()
    received = renderer.gateway.latest
    await until(lambda: len(received.pictures) >= 20 and len(received.sound) >= 60)
    steps = [b - a for (a, _), (b, _) in itertools.pairwise(received.pictures)]
    assert min(steps) == VIDEO_RATE // FPS
    assert not any(step % (VIDEO_RATE // FPS) for step in steps)
    assert {b - a for (a, _), (b, _) in itertools.pairwise(received.sound)} == {SAMPLES_PER_TICK}
    assert max(received.levels()) < 0.001


async def test_speech_is_heard_whole_and_seen(renderer: Renderer) -> None:
    """The sound arrives for as long as it lasts, and the picture moves with it."""
    await renderer.open()
    async with renderer.listening() as events:
        await renderer.say(message(0, tone(800, level=0.5), final=True))
        await renderer.finished(events, 1)
    received = renderer.gateway.latest
    await until(lambda: any(received.levels()) and received.level() < 0.01)
    voiced = sum(level > 0.1 for level in received.levels())
    assert 40 <= voiced <= 41
    assert 4 <= sum(r > 0.3 for _, r in received.pictures) <= 13  # a busy machine leaves pictures out


async def test_sound_and_picture_are_one_by_their_reports(renderer: Renderer) -> None:
    """By the sender reports, the picture shows what is heard at that time: within a quarter of a picture's time."""
    await renderer.open()
    received = renderer.gateway.latest
    rng = np.random.default_rng(1)
    loudness = np.interp(np.arange(2400), np.arange(0, 2401, 120), rng.uniform(0.1, 0.9, 21))  # one value a ms
    pcm = (tone(2400, level=1.0) * np.repeat(loudness, 16)).astype(np.int16)
    async with renderer.listening() as events:
        await renderer.say(message(0, pcm, final=True))
        await renderer.finished(events, 1)
    await until(lambda: len(received.reports) == 2)

    lag_ms = min(range(-60, 61, 2), key=lambda lag: _misfit(received, lag))
    assert abs(lag_ms) <= 16


def _misfit(received: Received, lag_ms: float) -> float:
    """How badly the pictures' discs fit the loudness `lag_ms` later."""
    times = np.array([received.time_of("audio", place) for place, _ in received.sound]) + 0.010
    shown = [(received.time_of("video", place), r) for place, r in received.pictures if r > 0.05]
    heard = np.interp([t + lag_ms / 1000 for t, _ in shown], times, received.levels())
    return float(np.square(heard - np.array([r for _, r in shown])).mean())


async def test_cancel_is_silence(renderer: Renderer) -> None:
    """After a cancel no more is heard than was released when it came, and the mouth closes."""
    await renderer.open()
    received = renderer.gateway.latest
    await renderer.say(message(0, tone(2400)))
    await until(lambda: received.level() > 0.1)
    heard_ms = (await renderer.cancel(1)).json()["heard_ms"]
    await until(lambda: received.level() < 0.01 and received.pictures[-1][1] < 0.05)
    voiced_ms = 20 * sum(level > 0.1 for level in received.levels())
    assert 0 < heard_ms < 2400
    assert voiced_ms <= heard_ms + 40


async def test_a_viewer_that_asks_gets_a_keyframe(renderer: Renderer) -> None:
    """The first picture is a keyframe, no other is until one is asked for."""
    await renderer.open()
    received = renderer.gateway.latest
    await until(lambda: len(received.pictures) >= 8)
    assert received.keyframes == 1
    renderer.gateway.ask_for_keyframe()
    await until(lambda: received.keyframes == 2)


async def test_a_gateway_that_comes_back_is_published_to_again(renderer: Renderer) -> None:
    """Clock and speech go on while the gateway is away; the new one gets the session without being asked."""
    old = renderer.gateway
    other = WhipGateway()
    async with serving(other.app) as url:
        port = int(url.rsplit(":", 1)[1])
        await renderer.open(publish_url=f"{url}/whip/s1")
    # its server is gone, and now its peers hang up
    async with renderer.listening() as events:
        await other.close()
        await _state(renderer, "reconnecting")
        await renderer.say(message(0, tone(400), final=True))
        await renderer.finished(events, 1)
    new = WhipGateway()
    async with serving(new.app, port):
        await _state(renderer, "live")
        await renderer.say(message(0, tone(400), turn=2, final=True))
        await until(lambda: new.latest.level() > 0.1 and new.latest.pictures and new.latest.pictures[-1][1] > 0.3)
        assert (await renderer.http.delete("/v1/sessions/s1")).status_code == 204
        assert new.deleted == ["s1/1"]
    await new.close()
    assert old.received == []


async def test_a_gateway_that_vanished_without_a_word_is_noticed(renderer: Renderer) -> None:
    """A gateway that neither answers nor says goodbye is published to again as soon as one listens."""
    await renderer.open()
    renderer.gateway.vanish()
    await until(lambda: len(renderer.gateway.received) == 2 and len(renderer.gateway.latest.pictures) > 2)


async def test_a_sender_that_fails_is_replaced(renderer: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A track whose sender has died is not left to stand still: the session is published again."""
    await renderer.open()
    recv, broken = OutgoingTrack.recv, iter([True])

    async def fails_once(self: OutgoingTrack) -> "av.Packet[Any]":
        if self.kind == "video" and next(broken, False):
            raise RuntimeError("out of order")
        return await recv(self)

    monkeypatch.setattr(OutgoingTrack, "recv", fails_once)
    await until(lambda: len(renderer.gateway.received) == 2 and len(renderer.gateway.latest.pictures) > 2)
    assert renderer.gateway.deleted == ["s1/1"]


async def _state(renderer: Renderer, state: str) -> None:
    async with asyncio.timeout(15):
        while (await renderer.http.get("/v1/sessions")).json()["sessions"][0]["state"] != state:  # noqa: ASYNC110 # HTTP
            await asyncio.sleep(0.05)


async def test_a_gateway_that_refuses_is_told_of(renderer: Renderer) -> None:
    """A token that the gateway refuses is a 502 that says so, and leaves no session."""
    refused = await renderer.http.post("/v1/sessions", json=renderer.wish(token="wrong"))
    assert refused.status_code == 502
    assert "401" in refused.json()["detail"]
    assert (await renderer.http.get("/v1/sessions")).json()["sessions"] == []


async def test_a_gateway_that_is_away_is_told_of(renderer: Renderer) -> None:
    """An address where nobody listens is a 503 that says what to do, and leaves no session."""
    away = await renderer.http.post("/v1/sessions", json=renderer.wish(publish_url="http://127.0.0.1:9/whip/s1"))
    assert away.status_code == 503
    assert "cannot be reached" in away.json()["detail"]
    assert (await renderer.http.get("/v1/sessions")).json()["sessions"] == []


async def test_an_answer_that_is_no_sdp_is_told_of(renderer: Renderer) -> None:
    """An endpoint that answers 201 with something else than SDP is a 502."""
    odd = FastAPI()
    odd.post("/whip/s1")(lambda: Response("hello", 201, {"Location": "/whip/s1/1"}))
    async with serving(odd) as url:
        refused = await renderer.http.post("/v1/sessions", json=renderer.wish(publish_url=f"{url}/whip/s1"))
    assert refused.status_code == 502, refused.text


async def test_deleting_tells_the_gateway(renderer: Renderer) -> None:
    """Ending a session deletes its WHIP resource, and its events end."""
    await renderer.open()
    async with renderer.http.stream("GET", "/v1/sessions/s1/events") as stream:
        assert (await renderer.http.delete("/v1/sessions/s1")).status_code == 204
        assert [line async for line in stream.aiter_lines()] == []
    assert renderer.gateway.deleted == ["s1/1"]
    assert (await renderer.http.delete("/v1/sessions/s1")).status_code == 404
