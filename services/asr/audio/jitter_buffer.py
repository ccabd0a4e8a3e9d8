"""From RTP packets of Opus to sound: in order, without gaps, with no wait but for packets that overtook one another."""

import av
import numpy as np
import soxr

from services.asr.transcription.engine import RATE, Sound

WIRE_RATE = 48_000
"""Ticks of Opus' RTP clock a second, and what it is decoded at."""

HELD = 2
"""Packets that wait for one before them; more, and it is taken for lost."""

LONGEST_GAP_S = 1.0
"""A longer silence on the wire is not made up for: nobody was there."""


class Arrivals:
    """One track. Packets go in as they come; out comes the sound that is due, at `RATE`."""

    def __init__(self) -> None:
        self._waiting: dict[int, tuple[int, bytes]] = {}
        self._next: int | None = None  # sequence number
        self._due = 0  # RTP time of the next packet
        self._decoder = _decoder()
        self._silence: tuple[bytes, Sound] | None = None  # the last packet, if it was silent, and its sound
        self._resampler = soxr.ResampleStream(WIRE_RATE, RATE, 1, dtype="float32", quality="LQ")

    def push(self, sequence: int, timestamp: int, payload: bytes) -> tuple[int, Sound]:
        """(samples of silence that the sender left out before it, the sound): often both empty. A packet that cannot be
        decoded is silence."""
        if self._next is None:
            self._next, self._due = sequence, timestamp
        if _ahead(sequence, self._next, 16) < 0:
            return 0, _NOTHING  # too late, or twice
        self._waiting[sequence] = (timestamp, payload)
        if self._next not in self._waiting and len(self._waiting) > HELD:
            first = self._next
            self._next = min(self._waiting, key=lambda s: _ahead(s, first, 16))
        gap = 0
        parts: list[Sound] = []
        while (packet := self._waiting.pop(self._next, None)) is not None:
            missing = _ahead(packet[0], self._due, 32)
            if 0 < missing <= LONGEST_GAP_S * WIRE_RATE and not parts:
                gap += missing * RATE // WIRE_RATE
            sound = self._decode(packet[1])
            parts.append(sound)
            self._next = (self._next + 1) % (1 << 16)
            self._due = (packet[0] + len(sound)) % (1 << 32)
        if not parts:
            return 0, _NOTHING
        return gap, self._resampler.resample_chunk(np.concatenate(parts))

    def _decode(self, payload: bytes) -> Sound:
        """Mono, at the wire's rate. An encoder fed with silence repeats itself, which need not be decoded."""
        if self._silence is not None and payload == self._silence[0]:
            return self._silence[1]
        try:
            frames = self._decoder.decode(av.Packet(payload))
        except av.FFmpegError:
            self._decoder = _decoder()
            return np.zeros(WIRE_RATE // 50, np.float32)
        sound = [frame.to_ndarray()[0] for frame in frames]
        decoded: Sound = np.concatenate(sound).astype(np.float32) * np.float32(1 / 32768) if sound else _NOTHING
        self._silence = None if decoded.any() else (payload, decoded)
        return decoded


_NOTHING = np.zeros(0, np.float32)


def _decoder() -> "av.AudioCodecContext":
    decoder = av.CodecContext.create("libopus", "r")
    decoder.format, decoder.layout, decoder.sample_rate = "s16", "mono", WIRE_RATE  # Opus mixes stereo itself
    return decoder


def _ahead(number: int, of: int, bits: int) -> int:
    """How far `number` is ahead of `of`, both of so many bits; negative: behind."""
    half = 1 << (bits - 1)
    return (number - of + half) % (1 << bits) - half
