"""Publishing to the gateway by WHIP: audio and video on one connection, and a new one when it is lost."""

from collections.abc import Callable

import aiortc
import httpx
import stamina

from services.common.errors import Problem
from services.common.logs import logger
from services.common.whip import AddressError, AwayError, Connection, JoinError, MediaError, RefusedError, Target
from services.renderer.media.clock import SAMPLE_RATE, MediaClock
from services.renderer.media.encoding import Packet
from services.renderer.media.tracks import OutgoingTrack, on_keyframe_request, report_media_time

CONNECT_TIMEOUT_S = 8.0

RETRY_S = (0.25, 2.0)
"""First and longest pause between attempts to publish again."""


class Publication:
    """Live from `open` on, until `lost` is set (the connection or a sender has failed) or it is closed."""

    def __init__(self, http: httpx.AsyncClient, target: Target) -> None:
        self._connection = Connection(http, target, CONNECT_TIMEOUT_S)
        self._audio, self._video = OutgoingTrack("audio"), OutgoingTrack("video")
        self.lost = self._connection.lost

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

        `due`: when a packet was due, in `time.monotonic()` seconds; `on_keyframe` is called when a viewer needs one.
        Raises `Problem`: 422 for a URL that cannot be requested, 502 if the gateway refuses or its answer makes no
        sense, 503 if it is away or media do not get through.
        """
        publication = cls(http, target)
        publication._add_tracks(due, on_keyframe)
        try:
            await publication._connection.open()
        except JoinError as error:
            raise _problem(target.url, error) from None
        return publication

    def send_audio(self, packet: Packet) -> None:
        """Send the packet now."""
        self._audio.push(packet)

    def send_video(self, packet: Packet) -> bool:
        """Send the packet now. False: a picture before this one was lost, and only a keyframe helps."""
        return self._video.push(packet)

    async def close(self) -> None:
        """Stop sending, and tell the gateway, if it listens."""
        self._audio.stop()
        self._video.stop()
        await self._connection.close()

    def _add_tracks(self, due: Callable[[Packet], float], on_keyframe: Callable[[], None]) -> None:
        for track, mime in ((self._audio, "audio/opus"), (self._video, "video/VP8")):
            transceiver = self._connection.peer.addTransceiver(track, direction="sendonly")
            codecs = aiortc.RTCRtpSender.getCapabilities(track.kind).codecs
            transceiver.setCodecPreferences([c for c in codecs if c.mimeType in (mime, "video/rtx")])
            report_media_time(transceiver.sender, track, due)
            track.on("ended", self.lost.set)  # aiortc stops the track of a sender that failed, and goes on without it
        on_keyframe_request(transceiver.sender, on_keyframe)


class Publisher:
    """A session's place in the gateway, taken again whenever the gateway was away."""

    def __init__(self, session: str, http: httpx.AsyncClient, target: Target, clock: MediaClock) -> None:
        """`clock` says when packets were due. `target` may be changed: it counts from the next publication on."""
        self.target = target
        self._session, self._http, self._clock = session, http, clock
        self._publication: Publication | None = None
        self._keyframe = True

    @property
    def live(self) -> bool:
        """Whether what is sent now gets anywhere."""
        return self._publication is not None

    async def open(self) -> None:
        """Publish. Raises `Problem` as `Publication.open` does."""
        self._keyframe = True
        self._publication = await Publication.open(
            self._http, self.target, due=self._due, on_keyframe=self.request_keyframe
        )

    async def stay_published(self) -> None:
        """When the gateway goes away, publish again until it is back."""
        log = logger().bind(session=self._session)
        first, longest = RETRY_S
        while True:
            assert self._publication is not None
            await self._publication.lost.wait()
            lost, self._publication = self._publication, None
            log.warning("the gateway is gone; publishing again", url=self.target.url)
            await lost.close()
            async for attempt in stamina.retry_context(
                Problem, attempts=None, timeout=None, wait_initial=first, wait_max=longest, wait_jitter=first
            ):
                with attempt:
                    await self.open()
            log.info("published again")

    def send_audio(self, packet: Packet) -> None:
        """Send the packet now, if there is a connection."""
        if self._publication is not None:
            self._publication.send_audio(packet)

    def send_video(self, packet: Packet) -> None:
        """Send the packet now, if there is a connection. If one before it was lost, a keyframe is requested."""
        if self._publication is not None and not self._publication.send_video(packet):
            self.request_keyframe()

    def request_keyframe(self) -> None:
        """The next picture must be decodable alone: a viewer asks for it, or a picture was left out."""
        self._keyframe = True

    def take_keyframe_request(self) -> bool:
        """Whether a keyframe was requested since this was last asked."""
        requested, self._keyframe = self._keyframe, False
        return requested

    async def close(self) -> None:
        """Stop sending, and tell the gateway, if it listens."""
        if self._publication is not None:
            await self._publication.close()
            self._publication = None

    def _due(self, packet: Packet) -> float:
        return self._clock.due(packet.pts * SAMPLE_RATE // packet.rate)


def _problem(url: str, error: JoinError) -> Problem:
    match error:
        case AddressError():
            errors = [{"field": "publish_url", "message": str(error)}]
            return Problem(422, f"publish_url: {error}", errors=errors)
        case AwayError():
            return Problem(503, f"The gateway at {url} cannot be reached ({error}); start it and try again.")
        case RefusedError(status=201):
            return Problem(502, f"{url} answered without a Location; it is not a WHIP endpoint.")
        case RefusedError(status=status, text=text):
            refusal = f"The gateway refused the publication at {url} with {status}: {text}"
            return Problem(502, refusal, gateway_status=status)
        case MediaError():
            return Problem(
                503,
                f"The gateway at {url} answered, but no media connection came about; "
                "check that its UDP port can be reached from here.",
            )
        case _:
            return Problem(502, f"publish_url: {error}.")
