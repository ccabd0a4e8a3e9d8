"""The jitter buffer: from RTP packets of Opus to sound, in order and without gaps.

It never waits for time to pass, only for packets that were overtaken, so that it adds no delay to a good connection.
"""

import av
import numpy as np
import soxr

from services.asr.audio.sound import RATE, Sound

WIRE_RATE = 48_000
"""Ticks of Opus' RTP clock a second, and the rate at which it is decoded."""

MAX_HELD = 2
"""Packets that wait for an earlier one. When there are more, the earlier one counts as lost."""

MAX_GAP_S = 1.0
"""A longer silence on the wire is not filled in: nobody was there."""


class JitterBuffer:
    """One track. RTP packets go in as they arrive; the sound that is due comes out."""

    def __init__(self) -> None:
        self._waiting: dict[int, tuple[int, bytes]] = {}  # sequence number: (RTP time, payload)
        self._next: int | None = None  # sequence number
        self._due = 0  # RTP time of the next packet
        self._decoder = _decoder()
        self._silence: tuple[bytes, Sound] | None = None  # the last packet, if it was silent, and its sound
        self._resampler = soxr.ResampleStream(WIRE_RATE, RATE, 1, dtype="float32", quality="LQ")

    def push(self, sequence: int, timestamp: int, payload: bytes) -> tuple[int, Sound]:
        """(samples of silence that the sender left out before the sound, the sound): often zero and empty.

        `sequence` counts modulo 2^16, `timestamp` in ticks of `WIRE_RATE` modulo 2^32. A packet that cannot be decoded
        is silence.
        """
        if self._next is None:
            self._next, self._due = sequence, timestamp
        if _ahead(sequence, self._next, 16) < 0:
            return 0, _NO_SOUND  # too late, or a duplicate
        self._waiting[sequence] = (timestamp, payload)
        if self._next not in self._waiting and len(self._waiting) > MAX_HELD:
            first = self._next
            self._next = min(self._waiting, key=lambda s: _ahead(s, first, 16))
        gap = 0
        parts: list[Sound] = []
        while (packet := self._waiting.pop(self._next, None)) is not None:
            missing = _ahead(packet[0], self._due, 32)
            if 0 < missing <= MAX_GAP_S * WIRE_RATE and not parts:
                gap += missing * RATE // WIRE_RATE
            sound = self._decode(packet[1])
            parts.append(sound)
            self._next = (self._next + 1) % (1 << 16)
            self._due = (packet[0] + len(sound)) % (1 << 32)
        if not parts:
            return 0, _NO_SOUND
        return gap, self._resampler.resample_chunk(np.concatenate(parts))

    def _decode(self, payload: bytes) -> Sound:
        """Mono sound at `WIRE_RATE`. An encoder fed with silence repeats its packet, which is decoded only once."""
        if self._silence is not None and payload == self._silence[0]:
            return self._silence[1]
        try:
            frames = self._decoder.decode(av.Packet(payload))
        except av.FFmpegError:
            self._decoder = _decoder()
            return np.zeros(WIRE_RATE // 50, np.float32)
        sound = [frame.to_ndarray()[0] for frame in frames]
        decoded: Sound = np.concatenate(sound).astype(np.float32) * np.float32(1 / 32768) if sound else _NO_SOUND
        self._silence = None if decoded.any() else (payload, decoded)
        return decoded


_NO_SOUND = np.zeros(0, np.float32)


def _decoder() -> "av.AudioCodecContext":
    decoder = av.CodecContext.create("libopus", "r")
    decoder.format, decoder.layout, decoder.sample_rate = "s16", "mono", WIRE_RATE  # Opus mixes stereo itself
    return decoder


def _ahead(number: int, of: int, bits: int) -> int:
    """How far `number` is ahead of `of` where both count modulo 2^bits; negative: how far behind."""
    half = 1 << (bits - 1)
    return (number - of + half) % (1 << bits) - half
