"""Hearing a session at the gateway by WHEP: one PeerConnection, from offer to DELETE."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import aiortc
import httpx

from services.common.ice import BAD_SDP
from services.common.logs import logger

CONNECT_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 1.0

OnPacket = Callable[[int, int, bytes], None]
"""Takes sequence number, RTP time and payload."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to listen, and the token that allows it."""

    url: str
    token: str


class RefusedError(Exception):
    """The gateway is there and does not let us listen; trying again with this token will not help."""


class AwayError(Exception):
    """The gateway cannot be reached, or its media do not get through."""


class Subscription:
    """Hears from `open` on, until `lost` is set or it is closed. Packets are handed on as they arrive: aiortc's own
    jitter buffer would keep every one for 80 ms."""

    def __init__(self, http: httpx.AsyncClient, target: Target) -> None:
        self.lost = asyncio.Event()
        self._http = http
        self._target = target
        self._resource: str | None = None
        self._connected = asyncio.Event()
        # No STUN: the gateway is reached directly, and a request to a public server would only delay the start.
        self._peer = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
        self._peer.on("connectionstatechange", self._on_state)

    @classmethod
    async def open(
        cls, http: httpx.AsyncClient, target: Target, *, microphone: OnPacket, reference: OnPacket
    ) -> "Subscription":
        """Connected; `reference` gets what the avatar says. Raises RefusedError, AwayError."""
        subscription = cls(http, target)
        try:
            await subscription._connect(microphone, reference)
        except BaseException:
            await subscription.close()
            raise
        return subscription

    async def close(self) -> None:
        """Stop listening, and tell the gateway, if it is there."""
        await self._peer.close()
        if self._resource is not None:
            with contextlib.suppress(httpx.HTTPError):
                await self._http.delete(self._resource, headers=self._authorization(), timeout=CLOSE_TIMEOUT_S)
            self._resource = None

    async def _connect(self, *takers: OnPacket) -> None:
        for take in takers:
            transceiver = self._peer.addTransceiver("audio", direction="recvonly")
            _hand_on(transceiver.receiver, take)
        await self._peer.setLocalDescription(await self._peer.createOffer())
        answer = await self._post(self._peer.localDescription.sdp)
        try:
            await self._peer.setRemoteDescription(aiortc.RTCSessionDescription(answer, "answer"))
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await self._connected.wait()
        except BAD_SDP as error:
            raise AwayError(f"the gateway's answer is not valid SDP ({error})") from None
        except TimeoutError:
            raise AwayError("no media connection came about; its UDP port must be reachable from here") from None
        if self.lost.is_set():
            raise AwayError("the connection was lost at once")

    async def _post(self, offer: str) -> str:
        url = self._target.url
        try:
            response = await self._http.post(
                url,
                content=offer,
                headers={"Content-Type": "application/sdp", "Accept": "application/sdp"} | self._authorization(),
                timeout=CONNECT_TIMEOUT_S,
            )
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise RefusedError(str(error)) from None
        except httpx.TransportError as error:
            raise AwayError(str(error) or type(error).__name__) from None
        if response.status_code in (401, 403, 404, 405):
            raise RefusedError(f"it answered {response.status_code}: {response.text[:200]}")
        if response.status_code != 201 or "Location" not in response.headers:
            raise AwayError(f"it answered {response.status_code}: {response.text[:200]}")
        self._resource = urljoin(url, response.headers["Location"])
        return response.text

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._target.token}"}

    def _on_state(self) -> None:
        state = self._peer.connectionState
        if state == "connected":
            self._connected.set()
        elif state in ("failed", "closed"):
            logger().debug("subscription ended", state=state)
            self.lost.set()
            self._connected.set()


def _hand_on(receiver: aiortc.RTCRtpReceiver, take: OnPacket) -> None:
    """Pass a track's packets on instead of to aiortc's jitter buffer and decoder, for which it has no setting."""

    async def handle(packet: Any, arrival_time_ms: int) -> None:
        if packet.payload:
            take(packet.sequence_number, packet.timestamp, packet.payload)

    receiver._handle_rtp_packet = handle  # type: ignore[method-assign]
