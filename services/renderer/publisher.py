"""Publishing to the gateway by WHIP (RFC 9725): one PeerConnection, audio and video, from offer to DELETE."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urljoin

import aiortc
import httpx

from services.common.errors import Problem
from services.common.ice import BAD_SDP
from services.common.logs import logger
from services.renderer.encoding import Packet
from services.renderer.tracks import OutgoingTrack, on_keyframe_request, report_media_time

CONNECT_TIMEOUT_S = 8.0
CLOSE_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class Target:
    """Where to publish, and the token that allows it."""

    url: str
    token: str


class Publication:
    """Live from `open` on, until `lost` is set or it is closed."""

    def __init__(self, http: httpx.AsyncClient, target: Target) -> None:
        self.lost = asyncio.Event()
        self._http = http
        self._target = target
        self._resource: str | None = None
        self._connected = asyncio.Event()
        # No STUN: the gateway is reached directly, and a request to a public server would only delay the start.
        self._peer = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
        self._audio, self._video = OutgoingTrack("audio"), OutgoingTrack("video")
        self._peer.on("connectionstatechange", self._on_state)

    @classmethod
    async def open(
        cls,
        http: httpx.AsyncClient,
        target: Target,
        *,
        due: Callable[[Packet], float],
        on_keyframe: Callable[[], None],
    ) -> "Publication":
        """Connected, and ready to send.

        Raises `Problem`: 502 if the gateway refuses or what it says makes no sense, 503 if it is away or media does not
        get through.
        """
        publication = cls(http, target)
        try:
            await publication._connect(due, on_keyframe)
        except BaseException:
            await publication.close()
            raise
        return publication

    def send_audio(self, packet: Packet) -> None:
        self._audio.push(packet)

    def send_video(self, packet: Packet) -> bool:
        """False: a picture before this one was lost, and only a keyframe helps."""
        return self._video.push(packet)

    async def close(self) -> None:
        """Stop sending, and tell the gateway, if it listens."""
        self._audio.stop()
        self._video.stop()
        await self._peer.close()
        if self._resource is not None:
            with contextlib.suppress(httpx.HTTPError):
                await self._http.delete(self._resource, headers=self._authorization(), timeout=CLOSE_TIMEOUT_S)
            self._resource = None

    async def _connect(self, due: Callable[[Packet], float], on_keyframe: Callable[[], None]) -> None:
        for track, mime in ((self._audio, "audio/opus"), (self._video, "video/VP8")):
            transceiver = self._peer.addTransceiver(track, direction="sendonly")
            codecs = aiortc.RTCRtpSender.getCapabilities(track.kind).codecs
            transceiver.setCodecPreferences([c for c in codecs if c.mimeType in (mime, "video/rtx")])
            report_media_time(transceiver.sender, track, due)
        on_keyframe_request(transceiver.sender, on_keyframe)
        await self._peer.setLocalDescription(await self._peer.createOffer())
        answer = await self._post(self._peer.localDescription.sdp)
        try:
            await self._peer.setRemoteDescription(aiortc.RTCSessionDescription(answer, "answer"))
        except BAD_SDP as error:
            raise Problem(502, f"publish_url: the gateway's answer is not valid SDP ({error}).") from None
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await self._connected.wait()
        except TimeoutError:
            raise Problem(503, _NO_MEDIA.format(self._target.url)) from None
        if self.lost.is_set():
            raise Problem(503, _NO_MEDIA.format(self._target.url))

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
            raise Problem(
                422, f"publish_url: {error}", errors=[{"field": "publish_url", "message": str(error)}]
            ) from None
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            raise Problem(503, f"The gateway at {url} cannot be reached ({reason}); start it and try again.") from None
        if response.status_code != 201:
            raise Problem(
                502,
                f"The gateway refused the publication at {url} with {response.status_code}: {response.text[:200]}",
                gateway_status=response.status_code,
            )
        location = response.headers.get("Location")
        if location is None:
            raise Problem(502, f"{url} answered without a Location; it is not a WHIP endpoint.")
        self._resource = urljoin(url, location)
        return response.text

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._target.token}"}

    def _on_state(self) -> None:
        state = self._peer.connectionState
        if state == "connected":
            self._connected.set()
        elif state in ("failed", "closed"):
            logger().debug("publication ended", state=state, url=self._target.url)
            self.lost.set()
            self._connected.set()


_NO_MEDIA = (
    "The gateway at {} answered, but no media connection came about; check that its UDP port can be reached from here."
)
