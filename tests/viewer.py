"""A person's side without a browser: a WebRTC viewer that measures what it decodes, and the control socket."""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

import httpx
import numpy as np
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpReceiver, RTCSessionDescription
from aiortc.jitterbuffer import JitterBuffer
from aiortc.mediastreams import MediaStreamError
from aiortc.rtp import RtcpSrPacket
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect

from tests.renderer.mouth import MOUTH_BOX, mouth_openness

VOICED_RMS = 0.004
"""Loudness (full scale 1) above which a 20 ms frame counts as voice; the avatar's silence is digital silence."""

Event = dict[str, Any]
T = TypeVar("T")


BUFFERED = 2
"""Packets of sound, 20 ms each, that a viewer keeps back: 40 ms, about as much as Chromium does (`make bench` measures
it). aiortc by itself keeps 80."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One decoded frame. `at`: monotonic seconds when it was decoded; `rtp`: ticks of its track's clock.

    `value`: loudness (RMS, full scale 1) of sound, openness of the mouth of a picture. `motion`: how much the picture's
    mouth differs from the picture before, mean of 8-bit values.
    """

    at: float
    rtp: int
    value: float
    motion: float = 0.0


@dataclass
class Track:
    """What came in on one track, and its sender's last word on what its clock means."""

    kind: str
    clock: int
    samples: list[Sample] = field(default_factory=list)
    report: tuple[int, float] | None = None  # RTP ticks, NTP seconds
    origin: Callable[[], int | None] = lambda: None

    def since(self, at: float) -> list[Sample]:
        return [s for s in self.samples if s.at >= at]

    def sent_at(self, sample: Sample) -> float:
        """When the sender says that this sample is due, NTP seconds: comparable between tracks."""
        origin = self.origin()
        assert self.report, "no sender report yet"
        assert origin is not None, "no frame yet"
        ticks = (sample.rtp + origin - self.report[0] + (1 << 31)) % (1 << 32) - (1 << 31)
        return self.report[1] + ticks / self.clock


class Viewer:
    """Joins a session, watches and listens; with `token` as one who was there before. An async context manager.

    With a `microphone` as one who speaks; `on_sound` gets each 20 ms that are heard, as decoded.
    """

    def __init__(
        self,
        url: str,
        session: str | None = None,
        token: str | None = None,
        *,
        microphone: MediaStreamTrack | None = None,
        on_sound: Callable[[NDArray[np.int16]], None] | None = None,
    ) -> None:
        self.microphone, self.on_sound = microphone, on_sound
        self.url, self.wanted = url, session
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.http = httpx.AsyncClient(base_url=url, timeout=30)
        self.pc = RTCPeerConnection()
        self.audio, self.video = Track("audio", 48000), Track("video", 90000)
        self.session = self.token = ""
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        if self.microphone:
            self.pc.addTransceiver(self.microphone, direction="sendrecv")
        else:
            self.pc.addTransceiver("audio", direction="recvonly")
        self.pc.addTransceiver("video", direction="recvonly")
        self.pc.on("track", self._on_track)
        await self.pc.setLocalDescription(await self.pc.createOffer())
        body = {"sdp": self.pc.localDescription.sdp, "type": "offer"}
        body |= {"session": self.wanted} if self.wanted else {}
        response = await self.http.post("/session", json=body, headers=self.headers)
        assert response.status_code == 201, response.text
        answer = response.json()
        self.session, self.token = answer["session"], answer["token"]
        await self.pc.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        ends = await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.pc.close()
        await self.http.aclose()
        for end in ends:
            if isinstance(end, Exception):
                raise end  # a reader that died would look like a track that is silent

    def _on_track(self, track: MediaStreamTrack) -> None:
        mine = self.audio if track.kind == "audio" else self.video
        receiver: RTCRtpReceiver = next(r for r in self.pc.getReceivers() if r.track is track)
        mapper = receiver._RTCRtpReceiver__timestamp_mapper  # type: ignore[attr-defined]  # what frames' pts count from
        mine.origin = lambda: mapper._origin
        handle = receiver._handle_rtcp_packet

        async def handle_and_note(packet: Any) -> None:
            if isinstance(packet, RtcpSrPacket):
                mine.report = (packet.sender_info.rtp_timestamp, packet.sender_info.ntp_timestamp / (1 << 32))
            await handle(packet)

        receiver._handle_rtcp_packet = handle_and_note  # type: ignore[method-assign]
        if mine.kind == "audio":
            buffer = JitterBuffer(capacity=16, prefetch=BUFFERED)
            receiver._RTCRtpReceiver__jitter_buffer = buffer  # type: ignore[attr-defined]
        self._tasks.append(asyncio.create_task(self._read(track, mine)))

    async def _read(self, track: MediaStreamTrack, mine: Track) -> None:
        mouth_before: NDArray[np.int16] | None = None
        while True:
            motion = 0.0
            try:
                frame: Any = await track.recv()
            except MediaStreamError:
                return
            at = time.monotonic()
            if mine.kind == "audio":
                sound = frame.to_ndarray()
                value = float(np.sqrt(np.mean((sound / 32768.0) ** 2)))
                if self.on_sound:
                    self.on_sound(sound)
            else:
                picture = await asyncio.to_thread(frame.to_ndarray, format="bgr24")
                value = await asyncio.to_thread(mouth_openness, picture)
                x0, y0, x1, y1 = MOUTH_BOX
                mouth = picture[y0:y1, x0:x1].astype(np.int16)
                motion = 0.0 if mouth_before is None else float(np.abs(mouth - mouth_before).mean())
                mouth_before = mouth
            mine.samples.append(Sample(at, frame.pts, value, motion))

    def voiced_since(self, at: float) -> list[Sample]:
        return [s for s in self.audio.since(at) if s.value > VOICED_RMS]

    async def ask(self, text: str) -> Event:
        """POST /answer; returns when the text of the answer is complete."""
        response = await self.http.post("/answer", json={"text": text, "session": self.session})
        assert response.status_code == 200, response.text
        result: Event = response.json()
        return result

    def control(self) -> "Control":
        return Control(f"{self.url.replace('http', 'ws', 1)}/control?session={self.session}&token={self.token}")


class Control:
    """The control socket: every event is kept with the monotonic second of its arrival. An async context manager."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.events: list[tuple[float, Event]] = []
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        self.socket: ClientConnection = await connect(self.url)
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.socket.close()
        await self._reader

    async def _read(self) -> None:
        async for text in self.socket:
            self.events.append((time.monotonic(), json.loads(text)))
            self._news.set()

    async def send(self, type: str, **fields: object) -> float:
        """Send a message; returns the monotonic second when it went out."""
        at = time.monotonic()
        await self.socket.send(json.dumps({"type": type} | fields))
        return at

    def of(self, type: str, turn: int | None = None) -> list[Event]:
        return [e for _, e in self.events if e["type"] == type and turn in (None, e["turn"])]

    async def wait_for(self, wanted: Callable[[Event], object], seconds: float = 30) -> Event:
        """The first event, past or to come, that is wanted."""

        async def look() -> Event:
            seen = 0
            while True:
                self._news.clear()
                for _, event in self.events[seen:]:
                    seen += 1
                    if wanted(event):
                        return event
                await self._news.wait()

        return await within(seconds, look(), lambda: f"got {[e['type'] for _, e in self.events[-20:]]}")


async def eventually(what: Callable[[], object], seconds: float = 30, why: str = "") -> None:
    """Wait until `what()` is true."""

    async def poll() -> None:
        while not what():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.02)

    await within(seconds, poll(), lambda: why)


async def within(seconds: float, work: Coroutine[Any, Any, T], why: Callable[[], str]) -> T:
    try:
        return await asyncio.wait_for(work, seconds)
    except TimeoutError:
        raise AssertionError(f"nothing within {seconds} s: {why()}") from None
