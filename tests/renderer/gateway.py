"""A WHIP endpoint made with aiortc, and servers on free ports: what the renderer publishes to in its own tests."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import aiortc
import av
import numpy as np
import uvicorn
from aiortc.codecs.vpx import VpxPayloadDescriptor
from aiortc.mediastreams import MediaStreamError
from aiortc.rtp import AnyRtcpPacket, RtcpSrPacket, RtpPacket
from fastapi import FastAPI, Request, Response
from numpy.typing import NDArray

from services.renderer.media.encoding import SIZE
from tests.renderer.disc import radius


@contextlib.asynccontextmanager
async def serving(app: FastAPI, port: int = 0) -> AsyncIterator[str]:
    """The app behind a real socket of this loop; its address."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on", timeout_graceful_shutdown=1))
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]  # the test runner's stay
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
        while not condition():  # noqa: ASYNC110 # what a receiver decodes sets no event
            await asyncio.sleep(0.01)


@dataclass
class Received:
    """One publication as its receiver decodes it. Places are RTP timestamps, counted from the first one."""

    peer: aiortc.RTCPeerConnection
    sound: list[tuple[int, NDArray[np.int16]]] = field(default_factory=list)  # (place at 48 kHz, 960 samples)
    pictures: list[tuple[int, float]] = field(default_factory=list)  # (place at 90 kHz, radius of the disc)
    keyframes: int = 0
    brightness: float = 0.0  # of the background
    origins: dict[str, int] = field(default_factory=dict)  # kind: RTP timestamp of place 0
    reports: dict[str, tuple[float, int]] = field(default_factory=dict)  # kind: (seconds since 1900, RTP timestamp)

    def levels(self) -> list[float]:
        """Loudness of each 20 ms of sound, of full scale."""
        return [float(np.abs(pcm.astype(float)).max()) / 32768 for _, pcm in self.sound]

    def level(self) -> float:
        """Loudness of the last 40 ms."""
        return max(self.levels()[-2:], default=0.0)

    def time_of(self, kind: str, place: int) -> float:
        """When that place of the track was captured, by its sender reports, s."""
        ntp, reported = self.reports[kind]
        return ntp + (place + self.origins[kind] - reported) / (48_000 if kind == "audio" else 90_000)


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

    def vanish(self) -> None:
        """As a gateway that is killed: nothing is sent any more, not even a farewell."""
        for receiver in self.latest.peer.getReceivers():
            for protocol in receiver.transport.transport._connection._protocols:
                protocol.transport.abort()

    def ask_for_keyframe(self) -> None:
        """As a viewer that joins does (PLI)."""
        for receiver in self.latest.peer.getReceivers():
            if receiver.track.kind == "video":
                (source,) = receiver.getSynchronizationSources()
                self._tasks.append(asyncio.ensure_future(receiver._send_rtcp_pli(source.source)))

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
    """Note what aiortc's receivers learn and tell nobody: reports, first timestamps, keyframes."""
    handle, take, kind = receiver._handle_rtcp_packet, receiver._handle_rtp_packet, receiver.track.kind

    async def note(packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpSrPacket):
            info = packet.sender_info
            received.reports[kind] = (info.ntp_timestamp / 2**32, info.rtp_timestamp)
        await handle(packet)

    async def look(packet: RtpPacket, arrival_time_ms: int) -> None:
        received.origins.setdefault(kind, packet.timestamp)
        if kind == "video" and packet.payload:
            descriptor, data = VpxPayloadDescriptor.parse(packet.payload)
            received.keyframes += descriptor.partition_start == 1 and not data[0] & 1
        await take(packet, arrival_time_ms)

    receiver._handle_rtcp_packet = note  # type: ignore[method-assign]
    receiver._handle_rtp_packet = look  # type: ignore[method-assign]


async def _collect(track: aiortc.MediaStreamTrack, received: Received) -> None:
    with contextlib.suppress(MediaStreamError):
        while True:
            frame = await track.recv()
            assert frame.pts is not None
            if isinstance(frame, av.AudioFrame):
                received.sound.append((frame.pts, frame.to_ndarray()[0, ::2].astype(np.int16)))
            elif isinstance(frame, av.VideoFrame):
                picture = frame.to_ndarray(format="bgr24").astype(np.uint8)
                assert picture.shape == (SIZE, SIZE, 3)
                received.pictures.append((frame.pts, radius(picture)))
                received.brightness = float(picture[:40, :40].mean())
