"""One session's pipeline: RTP packets in, utterance events out.

packets ─► jitter buffer ─► frames ─► voice? echo? ─► turn detector ─► events
                                                      │          ▲
                              transcription queue ◄───┘          └─── turn classifier

It has neither the connection nor the bus: the session's transcriber has.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, Protocol

import numpy as np

from services.asr.audio.jitter_buffer import JitterBuffer
from services.asr.audio.sound import RATE, Sound
from services.asr.audio.vad import FRAME, POSSIBLE, VoiceDetector
from services.asr.echo.text import TextEchoGuard
from services.asr.echo.waveform import WINDOW, WaveformEchoGuard
from services.asr.transcription.engine import Transcription
from services.asr.transcription.queue import TranscriptionQueue
from services.asr.turns.classifier import Classification, classify
from services.asr.turns.detector import TurnDetector
from services.asr.turns.outputs import (
    Dropped,
    EagerEnd,
    Interim,
    Output,
    Over,
    Resumed,
    Started,
    Transcribe,
)
from services.common.utterances import (
    Dismissed,
    EagerEndOfTurn,
    ListeningEnded,
    Partial,
    SpeechResumed,
    SpeechStarted,
    TurnOver,
    UtteranceEvent,
    WhyEnded,
)

STARVED_S = 0.1
"""So long without a packet while somebody speaks, and silence takes the sound's place: turns end on muted wires too."""


P = ParamSpec("P")


class Guard(Protocol):
    """Makes a function that never raises of one that may: who is responsible for the session learns of its error."""

    def __call__(self, act: Callable[P, None], /) -> Callable[P, None]: ...


def unguarded(act: Callable[P, None]) -> Callable[P, None]:
    """A guard that lets errors through."""
    return act


class SpeechPipeline:
    """`publish` takes each event as it comes about. Call everything from the event loop's thread.

    `guard` is put around what a timer and the transcription queue call. `utterances` gives each utterance its number.
    """

    def __init__(
        self,
        session: str,
        instance: str,
        *,
        turns: TurnDetector,
        voice: VoiceDetector,
        queue: TranscriptionQueue,
        publish: Callable[[UtteranceEvent], None],
        guard: Guard = unguarded,
        utterances: Iterator[int] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.text_echo = TextEchoGuard(now)
        self._session, self._instance = session, instance
        self._turns, self._voice, self._queue = turns, voice, queue
        self._publish, self._guard = publish, guard
        self._utterances = itertools.count(1) if utterances is None else utterances
        self._now = now
        self._waveform_echo = WaveformEchoGuard()
        self._microphone, self._avatar = JitterBuffer(), JitterBuffer()
        self._sound = np.zeros(0, np.float32)  # of the microphone, from `_sound_ms` on
        self._sound_ms = 0
        self._judged = 0  # samples of `_sound` that went through the detectors: whole frames
        self._made_up = 0  # samples of silence in it that stand for packets that may come yet
        self._heard_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._utterance = 0  # the number of the last one; none has 0

    def hear(self, sequence: int, timestamp: int, payload: bytes) -> None:
        """An RTP packet of the microphone, as `JitterBuffer.push` takes it."""
        gap, sound = self._microphone.push(sequence, timestamp, payload)
        self._heard_at = self._now()
        if gap > self._made_up:
            self._process(np.zeros(gap - self._made_up, np.float32))
        self._made_up = max(0, self._made_up - gap) if not len(sound) else 0
        self._process(sound)

    def hear_avatar(self, sequence: int, timestamp: int, payload: bytes) -> None:
        """An RTP packet of what the viewers hear, as `JitterBuffer.push` takes it."""
        _, sound = self._avatar.push(sequence, timestamp, payload)
        if len(sound):
            self._waveform_echo.hear_avatar(sound, self._sound_ms * RATE // 1000 + len(self._sound))

    def lost(self) -> None:
        """The gateway is gone. The packets that come next are of other tracks."""
        self._microphone, self._avatar = JitterBuffer(), JitterBuffer()
        self._made_up = 0
        self._act(self._turns.lost())

    def ended(self, reason: WhyEnded) -> ListeningEnded:
        """The event that tells that nothing more comes of this pipeline, and why."""
        return ListeningEnded(session=self._session, instance=self._instance, utterance=self._utterance, reason=reason)

    def close(self) -> None:
        """Publish nothing any more."""
        self._queue.discard(self)
        if self._timer:
            self._timer.cancel()
        self._publish = lambda _: None

    def _process(self, sound: Sound) -> None:
        self._sound = np.concatenate([self._sound, sound])
        while self._judged + FRAME <= len(self._sound):
            self._judged += FRAME
            frame = self._sound[self._judged - FRAME : self._judged]
            activity = self._voice.detect(frame)
            echo = activity.probability >= POSSIBLE and self._waveform_echo.is_echo(
                self._sound[max(0, self._judged - WINDOW) : self._judged], self._sound_ms * RATE // 1000 + self._judged
            )
            self._act(self._turns.frame(activity.probability, loud=activity.loud, echo=echo))
        if (unneeded := self._index(self._turns.keeps_from_ms) - WINDOW) > RATE:
            self._sound = self._sound[unneeded:]
            self._judged -= unneeded
            self._sound_ms += unneeded * 1000 // RATE
        if self._turns.waiting and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(STARVED_S, self._guard(self._starve))

    def _index(self, ms: int) -> int:
        """The place in `_sound` of a time of the microphone."""
        return (ms - self._sound_ms) * RATE // 1000

    def _starve(self) -> None:
        """No packet may have come for `STARVED_S`: then silence takes their place, so that time goes on."""
        self._timer = None
        missing = self._now() - self._heard_at
        if missing >= STARVED_S:
            self._heard_at = self._now()
            silence = np.zeros(round(missing * RATE), np.float32)
            self._made_up += len(silence)
            self._process(silence)
        elif self._turns.waiting:
            self._timer = asyncio.get_running_loop().call_later(STARVED_S, self._guard(self._starve))

    def _act(self, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, Transcribe):
                self._transcribe(output)
            else:
                self._report(output)

    def _transcribe(self, request: Transcribe) -> None:
        sound = self._sound[max(0, self._index(request.start_ms)) : self._index(request.end_ms)].copy()

        def then(transcription: Transcription) -> None:
            self._act(self._turns.transcribed(request.number, self._classify(request, transcription)))

        self._queue.submit(self, sound, final=request.final, then=self._guard(then))

    def _classify(self, request: Transcribe, transcription: Transcription) -> Classification:
        found = classify(transcription, request.voiced_ms, before=request.before)
        heard_ms = self._sound_ms + len(self._sound) * 1000 // RATE
        if self.text_echo.is_echo(f"{request.before} {found.text}", (heard_ms - request.start_ms) / 1000):
            return Classification(found.text, echo=True)
        return found

    def _report(self, output: Started | Interim | EagerEnd | Resumed | Over | Dropped) -> None:
        if isinstance(output, Started):
            self._utterance = next(self._utterances)
        about: dict[str, Any] = {"session": self._session, "instance": self._instance, "utterance": self._utterance}
        match output:
            case Started():
                event: UtteranceEvent = SpeechStarted(**about, onset_ms=output.onset_ms)
            case Interim():
                event = Partial(**about, text=output.text, backchannel=output.backchannel)
            case EagerEnd():
                event = EagerEndOfTurn(
                    **about, text=output.text, probability=output.probability, backchannel=output.backchannel
                )
            case Resumed():
                event = SpeechResumed(**about)
            case Over():
                event = TurnOver(
                    **about,
                    text=output.text,
                    backchannel=output.backchannel,
                    end_of_turn_delay=output.silence_ms,
                    transcription_delay=output.waited_ms,
                )
            case Dropped():
                event = Dismissed(**about, reason=output.reason)
        self._publish(event)
