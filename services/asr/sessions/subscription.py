"""Hearing a session at the gateway by WHEP."""

from collections.abc import Callable
from typing import Any

import aiortc
import httpx

from services.common.whip import AddressError, Connection, JoinError, RefusedError, Target

CONNECT_TIMEOUT_S = 5.0

OnPacket = Callable[[int, int, bytes], None]
"""Takes sequence number, RTP time and payload."""


async def subscribe(
    http: httpx.AsyncClient, target: Target, *, microphone: OnPacket, reference: OnPacket
) -> Connection:
    """Connected; `reference` gets what the avatar says. Packets are handed on as they arrive: aiortc's own jitter
    buffer would keep every one for 80 ms. Raises JoinError."""
    connection = Connection(http, target, CONNECT_TIMEOUT_S)
    for take in (microphone, reference):
        _hand_on(connection.peer.addTransceiver("audio", direction="recvonly").receiver, take)
    await connection.open()
    return connection


def is_final(error: JoinError) -> bool:
    """The gateway is there and does not let us listen; trying again with this token will not help."""
    return isinstance(error, AddressError) or (isinstance(error, RefusedError) and error.status in (401, 403, 404, 405))


def _hand_on(receiver: aiortc.RTCRtpReceiver, take: OnPacket) -> None:
    """Pass a track's packets on instead of to aiortc's jitter buffer and decoder, for which it has no setting."""

    async def handle(packet: Any, arrival_time_ms: int) -> None:
        if packet.payload:
            take(packet.sequence_number, packet.timestamp, packet.payload)

    receiver._handle_rtp_packet = handle  # type: ignore[method-assign]
