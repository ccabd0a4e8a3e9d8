"""Sound as it travels: Opus in RTP, packet by packet, into a session's pipeline, on a clock that the test moves."""

import itertools
from collections.abc import Callable, Iterator

import av
import numpy as np
import soxr

from services.asr.audio.vad import SileroVoiceDetector, VoiceDetector
from services.asr.pipeline import SpeechPipeline
from services.asr.transcription.engine import Transcription, TranscriptionEngine
from services.asr.transcription.queue import TranscriptionQueue
from services.asr.turns.detector import TurnDetector
from services.common.utterances import UtteranceEvent
from tests.microphone import RATE, Sound

WIRE_RATE = 48_000
PACKET = 960  # samples at the wire's rate, 20 ms
PACKET_S = PACKET / WIRE_RATE


class Encoder:
    """Opus, as a browser sends a voice; packets of (sequence, RTP time, payload)."""

    def __init__(self, sequence: int = 65_530, timestamp: int = 2**32 - 5000, channels: int = 1) -> None:
        self._codec = av.CodecContext.create("libopus", "w")
        self._codec.bit_rate, self._codec.format, self._codec.sample_rate = 32_000, "s16", WIRE_RATE
        self._codec.layout = "mono" if channels == 1 else "stereo"
        self._codec.options = {"application": "voip"}
        self._channels = channels
        self._counter = itertools.count(sequence)
        self._timestamp = timestamp

    def packets(self, sound: Sound) -> Iterator[tuple[int, int, bytes]]:
        """Whole packets of it; its end is filled with silence."""
        wave = np.asarray(soxr.resample(sound, RATE, WIRE_RATE))
        wave = np.pad(wave, (0, -len(wave) % PACKET))
        samples = (np.clip(wave, -1, 1) * 32767).astype(np.int16)
        for start in range(0, len(samples), PACKET):
            piece = np.repeat(samples[start : start + PACKET], self._channels)[None]
            frame = av.AudioFrame.from_ndarray(piece, layout=self._codec.layout.name)
            frame.sample_rate = WIRE_RATE
            for packet in self._codec.encode(frame):
                yield next(self._counter) % 2**16, self._timestamp, bytes(packet)
                self._timestamp = (self._timestamp + PACKET) % 2**32

    def skip(self, ms: int) -> None:
        """Nothing is sent for so long."""
        self._timestamp = (self._timestamp + ms * WIRE_RATE // 1000) % 2**32


class SameWords:
    """An engine that always hears the same."""

    name = "same"

    def __init__(self, text: str) -> None:
        self.text = text
        self.heard: list[Sound] = []

    def transcribe(self, sound: Sound, *, final: bool) -> Transcription:
        self.heard.append(sound)
        return Transcription(self.text)

    def close(self) -> None: ...


class AtOnce(TranscriptionQueue):
    """Transcribes when it is asked to."""

    def __init__(self, engine: TranscriptionEngine) -> None:
        super().__init__(engine)
        self._at_once = engine

    def submit(self, owner: object, sound: Sound, *, final: bool, then: Callable[[Transcription], None]) -> None:
        then(self._at_once.transcribe(sound, final=final))


class Line:
    """A session's pipeline at the end of a wire. `messages`: what it published, and when."""

    def __init__(self, engine: TranscriptionEngine | str = "What is it?", voice: VoiceDetector | None = None) -> None:
        self.now = 1000.0
        self.messages: list[tuple[float, UtteranceEvent]] = []
        self.microphone, self.avatar = Encoder(), Encoder(1, 1)
        self.engine = SameWords(engine) if isinstance(engine, str) else engine
        self.pipeline = SpeechPipeline(
            "s1",
            "run1",
            turns=TurnDetector(),
            voice=voice or SileroVoiceDetector(),
            queue=AtOnce(self.engine),
            publish=lambda message: self.messages.append((self.now, message)),
            now=lambda: self.now,
        )

    def carry(self, microphone: Sound, avatar: Sound | None = None) -> float:
        """Both at once, 20 ms after 20 ms. Returns when the first sample was in the air."""
        began = self.now
        avatar = np.zeros(len(microphone), np.float32) if avatar is None else avatar
        avatar = np.pad(avatar, (0, max(0, len(microphone) - len(avatar))))[: len(microphone)]
        for heard, said in zip(self.microphone.packets(microphone), self.avatar.packets(avatar), strict=True):
            self.now += PACKET_S
            self.pipeline.hear_avatar(*said)
            self.pipeline.hear(*heard)
        return began

    def kinds(self) -> list[str]:
        return [message.type for _, message in self.messages]

    def of(self, kind: type[UtteranceEvent]) -> list[tuple[float, UtteranceEvent]]:
        return [(at, message) for at, message in self.messages if isinstance(message, kind)]
