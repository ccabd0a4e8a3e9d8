"""Publishing to the gateway by WHIP: audio and video on one connection."""

from collections.abc import Callable

import aiortc
import httpx

from services.common.errors import Problem
from services.common.whip import AddressError, AwayError, Connection, JoinError, MediaError, RefusedError, Target
from services.renderer.media.encoding import Packet
from services.renderer.media.tracks import OutgoingTrack, on_keyframe_request, report_media_time

CONNECT_TIMEOUT_S = 8.0


class Publication:
    """Live from `open` on, until `lost` is set or it is closed."""

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

        Raises `Problem`: 422 for an address that is none, 502 if the gateway refuses or what it says makes no sense,
        503 if it is away or media does not get through.
        """
        publication = cls(http, target)
        publication._add_tracks(due, on_keyframe)
        try:
            await publication._connection.open()
        except JoinError as error:
            raise _problem(target.url, error) from None
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
        await self._connection.close()

    def _add_tracks(self, due: Callable[[Packet], float], on_keyframe: Callable[[], None]) -> None:
        for track, mime in ((self._audio, "audio/opus"), (self._video, "video/VP8")):
            transceiver = self._connection.peer.addTransceiver(track, direction="sendonly")
            codecs = aiortc.RTCRtpSender.getCapabilities(track.kind).codecs
            transceiver.setCodecPreferences([c for c in codecs if c.mimeType in (mime, "video/rtx")])
            report_media_time(transceiver.sender, track, due)
        on_keyframe_request(transceiver.sender, on_keyframe)


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
