"""The gateway as a process: its settings, its exits, its heartbeats."""

import asyncio
import ctypes
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import psutil
import pytest
import redis.asyncio as redis
from dotenv import dotenv_values

from services.common.messages import SERVICES_CHANNEL, Heartbeat
from services.common.service import BACKGROUND_FAILED
from services.stack.processes import redis_server
from tests.gateway.peers import ROOT, Gateway, Peer, bearer, environment, until


def refusal(binary: Path, env: dict[str, str]) -> str:
    """What the gateway says when it does not start."""
    ended = subprocess.run([binary], env=env, capture_output=True, text=True, timeout=10, check=False)
    assert ended.returncode != 0
    assert len(ended.stderr.strip().splitlines()) == 1, ended.stderr
    return ended.stderr


def test_every_variable_stands_in_the_env_file() -> None:
    """What the gateway reads from the environment has a line in .env, and every SFU key there is read."""
    source = (ROOT / "services/sfu-gateway/config/config.go").read_text()
    listed = re.search(r"var Environment = \[\]string\{(.*?)\}", source, re.DOTALL)
    assert listed
    read = set(re.findall(r'"(\w+)"', listed[1]))
    written = set(dotenv_values(ROOT / ".env"))
    assert read <= written
    assert {key for key in written if key.startswith("SFU_")} - {"SFU_URL"} <= read


def test_a_missing_or_short_secret_is_one_sentence(binary: Path) -> None:
    """Without a TOKEN_SECRET of 32 characters the gateway does not start, and says why."""
    for secret in ("", "too short"):
        assert "TOKEN_SECRET" in refusal(binary, environment(TOKEN_SECRET=secret))


async def test_a_port_in_use_is_one_sentence(binary: Path) -> None:
    """A second gateway on the same port does not start, and names the port and the setting that moves it."""
    env = environment()
    async with Gateway.running(binary, env):
        said = await asyncio.to_thread(refusal, binary, env)
        assert env["SFU_PORT"] in said
        assert "PORT_OFFSET" in said


async def test_sigterm_ends_it_with_peers_inside(binary: Path) -> None:
    """SIGTERM closes the peers and ends the process well, within three seconds."""
    async with Gateway.running(binary, environment()) as gateway:
        viewer = await Peer(gateway).receive("audio", "video").join("/whep", "s1", "viewer")
        gateway.process.send_signal(signal.SIGTERM)
        await until(lambda: gateway.process.returncode is not None, within_s=3)
        assert gateway.process.returncode == 0
        await viewer.close()


async def test_a_listener_that_breaks_ends_it(binary: Path) -> None:
    """A gateway that nobody can reach any more ends with 70, so that its supervisor starts it anew."""
    async with Gateway.running(binary, environment()) as gateway:
        viewer = await Peer(gateway).receive("audio").join("/whep", "s1", "viewer")
        break_listener(gateway.process.pid)
        await until(lambda: gateway.process.returncode is not None, within_s=5)
        assert gateway.process.returncode == BACKGROUND_FAILED
        await viewer.close()


def break_listener(pid: int) -> None:
    """Shut the TCP socket down on which another process listens."""
    listeners = [c.fd for c in psutil.Process(pid).net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    process = os.pidfd_open(pid)
    copy = ctypes.CDLL(None).syscall(PIDFD_GETFD, process, listeners[0], 0)
    os.close(process)
    if copy < 0:
        pytest.skip("this user may not reach into another process")
    with socket.socket(fileno=copy) as listener:
        listener.shutdown(socket.SHUT_RDWR)


PIDFD_GETFD = 438
"""The number of the system call, which Python has no function for."""


async def test_heartbeats_come_back_with_redis(binary: Path) -> None:
    """The gateway says how busy it is; while Redis is away it works on, and is heard again afterwards."""
    env = environment()
    port = env["REDIS_URL"].split(":")[-1].removesuffix("/0")
    server = (redis_server(), "--bind", "127.0.0.1", "--port", port, "--save", "")
    async with Gateway.running(binary, env) as gateway:
        viewer = await Peer(gateway).receive("audio").join("/whep", "s1", "viewer")
        for _ in range(2):
            process = await asyncio.create_subprocess_exec(*server, stdout=asyncio.subprocess.DEVNULL)
            try:
                beat = await heard(env["REDIS_URL"])
            finally:
                process.kill()
                await process.wait()
            assert (beat.service, beat.sessions) == ("sfu-gateway", 1)
            assert beat.capacity > 0
            assert abs(beat.at - time.time() * 1000) < 60_000
        response = await gateway.http.delete(viewer.location, headers=bearer("s1", "viewer"))
        assert response.status_code == 200
        await viewer.close()


async def heard(url: str) -> Heartbeat:
    """The next heartbeat on a Redis that may still be starting."""
    async with asyncio.timeout(15), redis.from_url(url) as client:
        while True:
            try:
                async with client.pubsub(ignore_subscribe_messages=True) as subscription:
                    await subscription.subscribe(SERVICES_CHANNEL)
                    async for message in subscription.listen():
                        return Heartbeat.model_validate_json(message["data"])
            except redis.ConnectionError:
                await asyncio.sleep(0.05)
