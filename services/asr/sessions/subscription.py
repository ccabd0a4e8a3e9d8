"""Receiving a session's sound from the gateway, by WHEP."""

from collections.abc import Callable
from typing import Any

import aiortc
import httpx

from services.common.whip import AddressError, Connection, JoinError, RefusedError, Target

CONNECT_TIMEOUT_S = 5.0

OnPacket = Callable[[int, int, bytes], None]
"""Takes an RTP packet's sequence number, RTP time and payload."""


async def subscribe(
    http: httpx.AsyncClient, target: Target, *, microphone: OnPacket, reference: OnPacket
) -> Connection:
    """Connect. `microphone` and `reference`, which is what the avatar says, get each packet as it arrives: aiortc's own
    jitter buffer would keep every one for 80 ms. Raises JoinError."""
    connection = Connection(http, target, CONNECT_TIMEOUT_S)
    for on_packet in (microphone, reference):
        _bypass(connection.peer.addTransceiver("audio", direction="recvonly").receiver, on_packet)
    await connection.open()
    return connection


def is_final(error: JoinError) -> bool:
    """Whether trying again with this address and token is of no use: the gateway is there and does not let us in."""
    return isinstance(error, AddressError) or (isinstance(error, RefusedError) and error.status in (401, 403, 404, 405))


def _bypass(receiver: aiortc.RTCRtpReceiver, on_packet: OnPacket) -> None:
    """Take a track's packets past aiortc's jitter buffer and decoder, for which aiortc has no setting."""

    async def handle(packet: Any, arrival_time_ms: int) -> None:
        if packet.payload:
            on_packet(packet.sequence_number, packet.timestamp, packet.payload)

    receiver._handle_rtp_packet = handle  # type: ignore[method-assign]
