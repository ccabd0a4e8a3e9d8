"""A WHIP endpoint made with aiortc, and servers on free ports: what the renderer publishes to in its own tests."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import aiortc
import numpy as np
import uvicorn
from aiortc.mediastreams import MediaStreamError
from aiortc.rtp import RtcpSrPacket
from fastapi import FastAPI, Request, Response

from services.renderer.encoding import SIZE
from tests.renderer.disc import radius


@contextlib.asynccontextmanager
async def serving(app: FastAPI, port: int = 0) -> AsyncIterator[str]:
    """The app behind a real socket of this loop; its address."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on", timeout_graceful_shutdown=1))
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign]  # the test runner's are kept
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        task = asyncio.create_task(server.serve([listener]))
        await until(lambda: server.started or task.done())
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


async def until(condition: Callable[[], object], within_s: float = 10.0) -> None:
    """Returns when the condition holds; fails when it does not within the deadline."""
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.01)


@dataclass
class Received:
    """One publication as its receiver decodes it. Places are RTP timestamps."""

    peer: aiortc.RTCPeerConnection
    sound: list[tuple[int, np.ndarray]] = field(default_factory=list)  # (place at 48 kHz, 960 samples)
    pictures: list[tuple[int, float]] = field(default_factory=list)  # (place at 90 kHz, radius of the disc)
    brightness: float = 0.0
    reports: dict[str, tuple[float, int]] = field(default_factory=dict)  # kind: (seconds since 1900, place)

    def levels(self) -> list[float]:
        """Loudness of each 20 ms of sound, of full scale."""
        return [float(np.abs(pcm.astype(float)).max()) / 32768 for _, pcm in self.sound]

    def level(self) -> float:
        """Loudness of the last 40 ms."""
        return max(self.levels()[-2:], default=0.0)

    def time_of(self, kind: str, place: int) -> float:
        """When that place of the track was captured, by its sender reports, s."""
        ntp, reported = self.reports[kind]
        return ntp + (place - reported) / (48_000 if kind == "audio" else 90_000)


class WhipGateway:
    """Takes publications; `token` is what it accepts."""

    def __init__(self, token: str = "let-me-in") -> None:
        self.token = token
        self.received: list[Received] = []
        self.deleted: list[str] = []
        self.app = FastAPI()
        self.app.post("/whip/{session}")(self._publish)
        self.app.delete("/whip/{session}/{number}")(self._delete)
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def latest(self) -> Received:
        return self.received[-1]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(r.peer.close() for r in self.received))

    def ask_for_keyframe(self) -> None:
        for receiver in self.latest.peer.getReceivers():
            if receiver.track.kind == "video":
                (ssrc,) = receiver._track_ids if hasattr(receiver, "_track_ids") else (0,)
                self._tasks.append(asyncio.ensure_future(receiver._send_rtcp_pli(ssrc)))

    async def _publish(self, session: str, request: Request) -> Response:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return Response("wrong token", 401)
        peer = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
        received = Received(peer)
        peer.on("track", lambda track: self._tasks.append(asyncio.ensure_future(_collect(track, received))))
        await peer.setRemoteDescription(aiortc.RTCSessionDescription((await request.body()).decode(), "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        for receiver in peer.getReceivers():
            _overhear(receiver, received)
        self.received.append(received)
        return Response(
            peer.localDescription.sdp,
            201,
            {"Location": f"/whip/{session}/{len(self.received)}", "ETag": '"1"'},
            "application/sdp",
        )

    async def _delete(self, session: str, number: str) -> Response:
        self.deleted.append(f"{session}/{number}")
        return Response(status_code=200)


def _overhear(receiver: aiortc.RTCRtpReceiver, received: Received) -> None:
    handle = receiver._handle_rtcp_packet

    async def note(packet: object) -> None:
        if isinstance(packet, RtcpSrPacket):
            info = packet.sender_info
            received.reports[receiver.track.kind] = (info.ntp_timestamp / 2**32, info.rtp_timestamp)
        await handle(packet)

    receiver._handle_rtcp_packet = note


async def _collect(track: aiortc.MediaStreamTrack, received: Received) -> None:
    with contextlib.suppress(MediaStreamError):
        while True:
            frame = await track.recv()
            if track.kind == "audio":
                received.sound.append((frame.pts, frame.to_ndarray()[0, ::2]))
            else:
                picture = frame.to_ndarray(format="bgr24")
                assert picture.shape == (SIZE, SIZE, 3)
                received.pictures.append((frame.pts, radius(picture)))
                received.brightness = float(picture[:40, :40].mean())
