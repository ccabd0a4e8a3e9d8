"""The renderer as a service: what the bus asks of it and is told, readiness, its end."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import httpx

from services.common.bus import MemoryBus
from services.common.messages import SERVICES_CHANNEL, Cancel, Close, Heartbeat, control_channel
from tests.renderer.conftest import Renderer
from tests.renderer.gateway import WhipGateway, serving, until
from tests.renderer.speaking import message, tone

ROOT = Path(__file__).parents[2]


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


async def test_readiness_and_metrics(renderer: Renderer) -> None:
    """It is ready while its bus is there, and its metrics carry the names of the contract."""
    assert (await renderer.http.get("/readyz")).status_code == 200
    await renderer.open()
    text = (await renderer.http.get("/metrics")).text
    for name in ("av_skew_ms", "final_fps", "buffer_ms", "underruns_total", "render_ttff", "playback_latency"):
        assert f"# HELP {name} " in text or f"# HELP {name.removesuffix('_total')}" in text


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
