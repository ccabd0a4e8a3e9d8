"""Sound to Opus, pictures to VP8, with the timestamps of the media clock.

aiortc would encode what its tracks hand over, but only after they hand it over: the time that takes would move every
timestamp's send time. Encoded here, ahead of its due time, a frame leaves exactly when it is due.
"""

import fractions
from dataclasses import dataclass

import av
import cv2
import numpy as np
from av.video.frame import PictureType

from services.renderer.engine import Frame, Sound
from services.renderer.media.clock import FPS, SAMPLE_RATE, SAMPLES_PER_PICTURE

SIZE = 512
VIDEO_RATE = 90_000

OPUS_BITRATE = 64_000
"""Transparent for one voice."""

OPUS_LOOKAHEAD = 120
"""Samples by which Opus in its low-delay mode sounds later than its timestamp (RFC 6716, 2.5 ms)."""

VP8_BITRATE = 1_000_000
"""On average at most, however much moves. Nothing else caps the rate: bandwidth estimates (REMB) follow what is sent,
and would spiral down in quiet passages."""

VP8_QUANTIZER = (4, 56)
"""Finest and coarsest. 4 keeps the grain without which the smooth light of the room falls into blocks and bands; from 6
on they show, though 12 would take a quarter of the rate."""


@dataclass(frozen=True, slots=True)
class Packet:
    """An encoded frame that belongs to media time `pts` / `rate` s."""

    data: bytes
    pts: int
    rate: int


class OpusEncoder:
    """20 ms of mono in, one packet out. 0.1 ms a frame: less than handing it to another thread takes."""

    def __init__(self) -> None:
        self._codec = av.CodecContext.create("libopus", "w")
        self._codec.bit_rate = OPUS_BITRATE
        self._codec.format = "s16"
        self._codec.layout = "mono"
        self._codec.sample_rate = SAMPLE_RATE
        self._codec.time_base = fractions.Fraction(1, SAMPLE_RATE)
        self._codec.options = {"application": "lowdelay"}

    def encode(self, pcm: Sound, sample: int) -> Packet:
        """`pcm` is 960 samples from media time `sample` on."""
        frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        frame.pts = sample
        frame.time_base = self._codec.time_base
        return Packet(b"".join(bytes(p) for p in self._codec.encode(frame)), sample, SAMPLE_RATE)


class Vp8Encoder:
    """512×512 BGR in, one packet out, 2-3 ms a picture on one thread."""

    def __init__(self) -> None:
        self._codec = av.CodecContext.create("libvpx", "w")
        self._codec.width = self._codec.height = SIZE
        self._codec.bit_rate = VP8_BITRATE
        self._codec.pix_fmt = "yuv420p"
        self._codec.time_base = fractions.Fraction(1, VIDEO_RATE)
        self._codec.framerate = fractions.Fraction(FPS)
        self._codec.gop_size = 3000  # whoever needs a keyframe asks for it
        self._codec.qmin, self._codec.qmax = VP8_QUANTIZER
        self._codec.thread_count = 1
        self._codec.options = {
            "deadline": "realtime",
            "cpu-used": "-6",
            "lag-in-frames": "0",
            # A buffer of half a second: a keyframe may be as large as it needs to look like its neighbours.
            "maxrate": str(VP8_BITRATE * 3 // 2),
            "bufsize": str(VP8_BITRATE * 3 // 4),
            "static-thresh": "1",
            # Drawn pictures have no camera noise to remove, and looking for it costs a third of the time.
            "noise-sensitivity": "0",
        }
        self._frame = av.VideoFrame(SIZE, SIZE, "yuv420p")
        self._planes = [
            np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size) for plane in self._frame.planes
        ]

    def encode(self, picture: Frame, number: int, *, keyframe: bool) -> Packet:
        """`picture` belongs to media time `number` / 15 s. `keyframe`: it must be decodable alone."""
        yuv = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
        half = SIZE // 2
        luma, chroma = yuv[:SIZE], yuv[SIZE:].reshape(2, half, half)
        for plane, values in zip(self._planes, (luma, *chroma), strict=True):
            plane[: len(values), : values.shape[1]] = values
        pts = number * (VIDEO_RATE // FPS)
        self._frame.pts = pts
        self._frame.time_base = self._codec.time_base
        self._frame.pict_type = PictureType.I if keyframe else PictureType.NONE
        return Packet(b"".join(bytes(p) for p in self._codec.encode(self._frame)), pts, VIDEO_RATE)


def picture_sample(number: int) -> int:
    """The sample that is heard when picture `number` is seen."""
    return number * SAMPLES_PER_PICTURE - OPUS_LOOKAHEAD
