"""The service as a process: how it starts, and how it stops."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from tests.orchestrator.conftest import SECRET, Stack
from tests.orchestrator.serving import free_port, until


@asynccontextmanager
async def orchestrator(**env: str) -> AsyncIterator[Process]:
    environment: Mapping[str, str] = os.environ | {"LOG_LEVEL": "error", "PORT_OFFSET": "0"} | env
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.orchestrator_api.app", env=environment, stdout=PIPE, stderr=PIPE
    )
    yield process
    if process.returncode is None:
        process.kill()
        await process.wait()


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"TOKEN_SECRET": ""}, "TOKEN_SECRET"),
        ({"TOKEN_SECRET": SECRET, "ICE_URLS": "turn:a:3478", "TURN_SECRET": ""}, "TURN_SECRET"),
        ({"TOKEN_SECRET": SECRET, "SESSION_LINGER_SECONDS": "soon"}, "SESSION_LINGER_SECONDS"),
    ],
)
async def test_settings_that_cannot_work_are_one_sentence(env: dict[str, str], named: str) -> None:
    """It does not start, names the key, and shows no traceback."""
    async with orchestrator(**env) as process:
        _, stderr = await process.communicate()
    assert process.returncode == 1
    assert named in stderr.decode()
    assert len(stderr.decode().splitlines()) == 1


async def test_it_stops_at_once_and_without_a_broken_stream(stack: Stack) -> None:
    """SIGTERM in the middle of a streamed answer ends the stream properly; the avatar stays for the next one."""
    stack.renderer.by_itself = False
    await stack.server.stop()
    env = {
        "TOKEN_SECRET": SECRET,
        "ORCHESTRATOR_PORT": str(stack.port),
        "ORCHESTRATOR_BIND": "127.0.0.1",
        "REDIS_URL": stack.redis.url,
        "RAG_URL": stack.rag.server.url,
        "TTS_URL": stack.tts.server.url,
        "RENDERER_URL": stack.renderer.server.url,
        "SFU_URL": stack.gateway.server.url,
    }
    async with orchestrator(**env) as process:
        await until(lambda: _listens(stack.port))
        opened = await stack.open()
        headers = {"Accept": "text/event-stream"}
        async with stack.http.stream("POST", "/answer", json={"text": "What?"}, headers=headers) as answer:
            lines = answer.aiter_lines()
            assert await anext(lines) == "event: state"
            process.send_signal(signal.SIGTERM)
            async for _ in lines:
                pass
        async with asyncio.timeout(10):
            await process.wait()
    assert opened["session"] in stack.renderer.avatars


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def test_a_port_in_use_is_said(stack: Stack) -> None:
    """A second one on the same port names it and exits with a non-zero status."""
    env = {"TOKEN_SECRET": SECRET, "ORCHESTRATOR_PORT": str(stack.port), "REDIS_PORT": str(free_port())}
    async with orchestrator(**env) as process, asyncio.timeout(30):
        stdout, _ = await process.communicate()
    assert process.returncode
    assert str(stack.port) in stdout.decode()
