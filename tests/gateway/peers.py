"""The gateway's binary on free ports, and peers made with aiortc: a renderer, viewers, talkers."""

import asyncio
import contextlib
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import av
import httpx
import numpy as np
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpTransceiver, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from services.common.tokens import Role, issue

ROOT = Path(__file__).parents[2]
SECRET = "a secret of more than thirty-two characters"
SDP = {"Content-Type": "application/sdp"}


def build(folder: Path) -> Path:
    """The gateway, compiled from what is in the repository now."""
    binary = folder / "sfu-gateway"
    # `make test` has flags of its own, with which everything is compiled already.
    env = {"GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"} | os.environ
    command = [str(ROOT / "tools/go"), "build", "-o", str(binary), "."]
    subprocess.run(command, cwd=ROOT / "services/sfu-gateway", env=env, check=True)
    return binary


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port of 127.0.0.1 that nothing listened on a moment ago."""
    with socket.socket(type=kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(**more: str) -> dict[str, str]:
    """The variables that a gateway is started with: free ports, and the address of no Redis."""
    return {
        "PATH": os.environ["PATH"],
        "SFU_BIND": "127.0.0.1",
        "SFU_PORT": str(free_port()),
        "SFU_UDP_PORT": str(free_port(socket.SOCK_DGRAM)),
        "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
        "TOKEN_SECRET": SECRET,
        **more,
    }


class Gateway:
    """A running gateway."""

    def __init__(self, process: asyncio.subprocess.Process, http: httpx.AsyncClient) -> None:
        self.process, self.http = process, http

    @classmethod
    @contextlib.asynccontextmanager
    async def running(cls, binary: Path, env: dict[str, str]) -> AsyncIterator[Self]:
        process = await asyncio.create_subprocess_exec(binary, env=env, stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None
        drained = asyncio.create_task(process.stdout.read())
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{env['SFU_PORT']}", timeout=5) as http:
                gateway = cls(process, http)
                await until(gateway.is_ready)
                yield gateway
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()
            await drained

    async def is_ready(self) -> bool:
        """Whether `/readyz` answers 200."""
        try:
            return (await self.http.get("/readyz")).status_code == 200
        except httpx.TransportError:
            return False

    async def sessions(self) -> dict[str, dict[str, Any]]:
        """`GET /sessions`, by session."""
        response = await self.http.get("/sessions", headers=bearer("*", "orchestrator"))
        assert response.status_code == 200, response.text
        return {room["session"]: room for room in response.json()["sessions"]}


def bearer(session: str, role: Role, ttl_s: int = 60) -> dict[str, str]:
    """The header with a join token of this role."""
    return {"Authorization": f"Bearer {issue(SECRET, session, role, ttl_s)}"}


async def until(condition: Callable[[], Any], within_s: float = 15.0) -> None:
    """Wait until the condition, which may be a coroutine function, holds; `TimeoutError` if it does not in time."""
    async with asyncio.timeout(within_s):
        while True:
            result = condition()
            if asyncio.iscoroutine(result):
                result = await result
            if result:
                return
            await asyncio.sleep(0.02)


class Paced(MediaStreamTrack):
    """A track with frames of a fixed length, each released when its time has come."""

    def __init__(self, frame_s: Fraction) -> None:
        super().__init__()
        self.frame_s, self.count = frame_s, 0
        self.start = asyncio.get_event_loop().time()

    async def pace(self) -> int:
        """Wait for the next frame's time -> its number, from 0."""
        number = self.count
        self.count += 1
        await asyncio.sleep(self.start + float(number * self.frame_s) - asyncio.get_event_loop().time())
        return number


class Tone(Paced):
    """A 440 Hz tone in 20 ms frames."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__(Fraction(1, 50))

    async def recv(self) -> av.AudioFrame:
        number = await self.pace()
        t = (np.arange(960) + number * 960) / 48000
        frame = av.AudioFrame.from_ndarray((8000 * np.sin(2 * np.pi * 440 * t)).astype(np.int16)[None], layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, number * 960, Fraction(1, 48000)
        return frame


class Pictures(Paced):
    """A grey picture of the given level, 64 by 64, 15 times a second."""

    kind = "video"

    def __init__(self, level: int) -> None:
        super().__init__(Fraction(1, 15))
        self.level = level

    async def recv(self) -> av.VideoFrame:
        number = await self.pace()
        frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), self.level, np.uint8), format="bgr24")
        frame.pts, frame.time_base = number * 6000, Fraction(1, 90000)
        return frame


class Peer:
    """A WebRTC connection to the gateway. `last` is the last frame that it received, `frames` how many, by kind."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway, self.pc = gateway, RTCPeerConnection()
        self.frames: dict[str, int] = {"audio": 0, "video": 0}
        self.last: dict[str, Any] = {}
        self.location = ""
        self._readers: list[asyncio.Task[None]] = []
        self.pc.on("track", self._read)

    def receive(self, *kinds: str) -> Self:
        """Offer to receive these kinds of media, in this order."""
        for kind in kinds:
            self.pc.addTransceiver(kind, direction="recvonly")
        return self

    def send(self, *tracks: MediaStreamTrack, direction: str = "sendonly") -> list[RTCRtpTransceiver]:
        """Offer to send these tracks, in this order."""
        return [self.pc.addTransceiver(track, direction=direction) for track in tracks]

    async def join(self, path: str, session: str, role: Role) -> Self:
        """Offer at `/whip`, `/whep` or `/session`, and wait until connected."""
        await self.pc.setLocalDescription(await self.pc.createOffer())
        offer, url = self.pc.localDescription.sdp, f"{path}/{session}"
        token = bearer(session, role)
        if path == "/session":
            response = await self.gateway.http.post(url, json={"sdp": offer}, headers=token)
        else:
            response = await self.gateway.http.post(url, content=offer, headers=token | SDP)
        assert response.status_code == 201, response.text
        self.location = response.headers["Location"]
        answer = response.json()["sdp"] if path == "/session" else response.text
        await self.pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        await until(lambda: self.pc.connectionState == "connected")
        return self

    def _read(self, track: MediaStreamTrack) -> None:
        async def read() -> None:
            with contextlib.suppress(MediaStreamError):
                while True:
                    self.last[track.kind] = await track.recv()
                    self.frames[track.kind] += 1

        self._readers.append(asyncio.create_task(read()))

    def level(self) -> int:
        """Mean brightness of the last picture, 0 to 255; -1 before the first."""
        picture = self.last.get("video")
        return -1 if picture is None else int(picture.to_ndarray(format="gray").mean())

    def loudness(self) -> float:
        """RMS of the last sound, full scale 1; 0 before the first."""
        sound = self.last.get("audio")
        return 0.0 if sound is None else float(np.sqrt(np.mean((sound.to_ndarray() / 32768.0) ** 2)))

    async def close(self) -> None:
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)
        await self.pc.close()
