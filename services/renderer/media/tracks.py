"""The tracks that aiortc sends from: encoded frames go in when they are due and leave at once."""

import asyncio
import fractions
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import aiortc
import av
from aiortc.mediastreams import MediaStreamError
from aiortc.rtp import AnyRtcpPacket, RtcpSrPacket

from services.renderer.media.encoding import Packet

HELD = 2
"""Frames that may wait for a sender that is busy: cancelled speech lives on in no more than these."""

NTP_EPOCH = 2_208_988_800
"""Seconds from 1900 to 1970."""


class OutgoingTrack(aiortc.MediaStreamTrack):
    """Packets of one kind, in media time. A sender that falls behind loses the oldest."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.last: Packet | None = None  # handed to the sender
        self._packets: deque[Packet] = deque()
        self._news = asyncio.Event()

    def push(self, packet: Packet) -> bool:
        """Send the packet now. False: the sender is behind, and an older packet was lost."""
        whole = len(self._packets) < HELD
        if not whole:
            self._packets.popleft()
        self._packets.append(packet)
        self._news.set()
        return whole

    async def recv(self) -> "av.Packet[Any]":
        """The next packet, for aiortc. Raises `MediaStreamError` once the track has stopped."""
        while not self._packets:
            if self.readyState != "live":
                raise MediaStreamError
            self._news.clear()
            await self._news.wait()
        self.last = self._packets.popleft()
        packet = av.Packet(self.last.data)
        packet.pts = self.last.pts
        packet.time_base = fractions.Fraction(1, self.last.rate)
        return packet

    def stop(self) -> None:
        """Nothing more is sent, not even what waits."""
        super().stop()
        self._packets.clear()
        self._news.set()


def report_media_time(sender: aiortc.RTCRtpSender, track: OutgoingTrack, due: Callable[[Packet], float]) -> None:
    """Let the sender's reports say when its last packet was due instead of when it was sent.

    aiortc pairs the last RTP timestamp with the moment of sending, so a late picture would move the whole track against
    the sound until the next report. Both tracks' due times (in `time.monotonic()` seconds) follow from one clock: with
    them receivers see no skew but the real one. aiortc has no setting for it, so its outgoing reports pass by here.
    """
    send = sender._send_rtcp

    async def send_corrected(packets: list[AnyRtcpPacket]) -> None:
        for report in packets:
            if isinstance(report, RtcpSrPacket) and track.last is not None:
                at = time.time() + due(track.last) - time.monotonic()
                report.sender_info.ntp_timestamp = int((at + NTP_EPOCH) * 2**32)
        await send(packets)

    sender._send_rtcp = send_corrected  # type: ignore[method-assign]


def on_keyframe_request(sender: aiortc.RTCRtpSender, ask: Callable[[], None]) -> None:
    """Pass a viewer's request for a keyframe (PLI, FIR) on to who encodes; aiortc would keep it for its own encoder."""
    sender._send_keyframe = ask  # type: ignore[method-assign]
