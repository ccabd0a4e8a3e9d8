"""One connection to the gateway by WHIP (RFC 9725) or WHEP: an offer by HTTP, its answer, the media, and the DELETE.

Written by hand: aiortc, which carries the media, has no client for either.
"""

import asyncio
import contextlib
from dataclasses import dataclass
from urllib.parse import urljoin

import aiortc
import httpx

from services.common.ice import BAD_SDP
from services.common.logs import logger

CLOSE_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class Target:
    """The gateway's endpoint for a session, and the token that allows its use."""

    url: str
    token: str


class JoinError(Exception):
    """No connection came about; the text says why."""


class AddressError(JoinError):
    """The URL cannot be asked: it is malformed, or not HTTP."""


class AwayError(JoinError):
    """Nobody answers at the URL."""


class RefusedError(JoinError):
    """The answer has another status than 201, or no Location."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"it answered {status}: {text}")
        self.status, self.text = status, text


class AnswerError(JoinError):
    """The gateway answered with something that is not valid SDP."""


class MediaError(JoinError):
    """The gateway agreed, but the media do not get through."""


class Connection:
    """Add the tracks to `peer`, then `open`. The connection lasts until `lost` is set or it is closed."""

    def __init__(self, http: httpx.AsyncClient, target: Target, timeout_s: float) -> None:
        """`timeout_s`: how long the gateway may take to answer, and then the media to connect."""
        self.lost = asyncio.Event()
        # No STUN: the gateway is reached directly, and a request to a public server would only delay the start.
        self.peer = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
        self.peer.on("connectionstatechange", self._on_state)
        self._http, self._target, self._timeout_s = http, target, timeout_s
        self._authorization = {"Authorization": f"Bearer {target.token}"}
        self._resource: str | None = None
        self._settled = asyncio.Event()

    async def open(self) -> None:
        """Connect. Raises JoinError. If it fails or is cancelled, nothing is left at the gateway."""
        try:
            await self.peer.setLocalDescription(await self.peer.createOffer())
            await self._connect(await self._post(self.peer.localDescription.sdp))
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """End the media, and tell the gateway, if it can be reached. May be called more than once."""
        await self.peer.close()
        if self._resource is not None:
            with contextlib.suppress(httpx.HTTPError):
                await self._http.delete(self._resource, headers=self._authorization, timeout=CLOSE_TIMEOUT_S)
            self._resource = None

    async def _post(self, offer: str) -> str:
        url, sdp = self._target.url, "application/sdp"
        headers = {"Content-Type": sdp, "Accept": sdp} | self._authorization
        try:
            response = await self._http.post(url, content=offer, headers=headers, timeout=self._timeout_s)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise AddressError(str(error)) from None
        except httpx.TransportError as error:
            raise AwayError(str(error) or type(error).__name__) from None
        location = response.headers.get("Location")
        if response.status_code != 201 or location is None:
            raise RefusedError(response.status_code, response.text[:200])
        self._resource = urljoin(url, location)
        return response.text

    async def _connect(self, answer: str) -> None:
        try:
            await self.peer.setRemoteDescription(aiortc.RTCSessionDescription(answer, "answer"))
        except BAD_SDP as error:
            raise AnswerError(f"the gateway's answer is not valid SDP ({error})") from None
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._settled.wait()
        except TimeoutError:
            raise MediaError("no media connection came about; its UDP port must be reachable from here") from None
        if self.lost.is_set():
            raise MediaError("the connection was lost at once")

    def _on_state(self) -> None:
        state = self.peer.connectionState
        if state == "connected":
            self._settled.set()
        elif state in ("failed", "closed"):
            logger().debug("connection ended", state=state, url=self._target.url)
            self.lost.set()
            self._settled.set()
