"""One session's hearing, from packets to messages. No connection and no bus in it: those are the ear's."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from services.asr.audio.jitter_buffer import Arrivals
from services.asr.audio.vad import FRAME, POSSIBLE, Detector
from services.asr.echo.text import OwnWords
from services.asr.echo.waveform import WINDOW, EchoGuard
from services.asr.transcription.engine import RATE, Sound, Words
from services.asr.transcription.queue import Desk
from services.asr.turns.classifier import Reading, read
from services.asr.turns.detector import (
    Dropped,
    LikelyOver,
    Output,
    Over,
    Partly,
    Resumed,
    Started,
    Transcribe,
    Turns,
)
from services.common.utterances import (
    Dismissed,
    EagerEndOfTurn,
    Partial,
    SpeechResumed,
    SpeechStarted,
    TurnOver,
    UtteranceEvent,
)

STARVED_S = 0.1
"""Without a packet for so long, while somebody spoke, silence takes the sound's place: turns end on muted wires too."""


class Hearing:
    """`publish` takes each message as it comes about. Call everything from the event loop's thread."""

    def __init__(
        self,
        session: str,
        instance: str,
        *,
        turns: Turns,
        detector: Detector,
        desk: Desk,
        publish: Callable[[UtteranceEvent], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.own_words = OwnWords(now)
        self._session, self._instance = session, instance
        self._turns, self._detector, self._desk = turns, detector, desk
        self._publish = publish
        self._now = now
        self._guard = EchoGuard()
        self._microphone, self._avatar = Arrivals(), Arrivals()
        self._sound = np.zeros(0, np.float32)  # from `_sound_ms` on; its end is not judged until a frame is full
        self._sound_ms = 0
        self._judged = 0  # samples of it that are
        self._made_up = 0  # samples of silence that stand for packets that may come yet
        self._heard_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._utterance = 0

    def hear(self, sequence: int, timestamp: int, payload: bytes) -> None:
        """A packet of the microphone's."""
        gap, sound = self._microphone.push(sequence, timestamp, payload)
        self._heard_at = self._now()
        if gap > self._made_up:
            self._take(np.zeros(gap - self._made_up, np.float32))
        self._made_up = max(0, self._made_up - gap) if not len(sound) else 0
        self._take(sound)

    def hear_avatar(self, sequence: int, timestamp: int, payload: bytes) -> None:
        """A packet of what the viewers hear."""
        _, sound = self._avatar.push(sequence, timestamp, payload)
        if len(sound):
            self._guard.hear_avatar(sound, self._sound_ms * RATE // 1000 + len(self._sound))

    def lost(self) -> None:
        """The gateway is gone; what comes next is another track."""
        self._microphone, self._avatar = Arrivals(), Arrivals()
        self._made_up = 0
        self._do(self._turns.lost())

    def close(self) -> None:
        """Nothing is published any more."""
        self._desk.forget(self)
        if self._timer:
            self._timer.cancel()
        self._publish = lambda _: None

    def _take(self, sound: Sound) -> None:
        self._sound = np.concatenate([self._sound, sound])
        while self._judged + FRAME <= len(self._sound):
            self._judged += FRAME
            frame = self._sound[self._judged - FRAME : self._judged]
            judged = self._detector.judge(frame)
            echo = judged.voice >= POSSIBLE and self._guard.is_echo(
                self._sound[max(0, self._judged - WINDOW) : self._judged], self._sound_ms * RATE // 1000 + self._judged
            )
            self._do(self._turns.frame(judged.voice, loud=judged.loud, echo=echo))
        if (unneeded := self._index(self._turns.keeps_from_ms) - WINDOW) > RATE:
            self._sound = self._sound[unneeded:]
            self._judged -= unneeded
            self._sound_ms += unneeded * 1000 // RATE
        if self._turns.waiting and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(STARVED_S, self._starve)

    def _index(self, ms: int) -> int:
        return (ms - self._sound_ms) * RATE // 1000

    def _starve(self) -> None:
        self._timer = None
        missing = self._now() - self._heard_at
        if missing >= STARVED_S:
            self._heard_at = self._now()
            silence = np.zeros(round(missing * RATE), np.float32)
            self._made_up += len(silence)
            self._take(silence)
        elif self._turns.waiting:
            self._timer = asyncio.get_running_loop().call_later(STARVED_S, self._starve)

    def _do(self, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, Transcribe):
                self._order(output)
            else:
                self._say(output)

    def _order(self, order: Transcribe) -> None:
        sound = self._sound[max(0, self._index(order.start_ms)) : self._index(order.end_ms)].copy()

        def take(words: Words) -> None:
            self._do(self._turns.read(order.order, self._judge(order, words)))

        self._desk.order(self, sound, final=order.final, take=take)

    def _judge(self, order: Transcribe, words: Words) -> Reading:
        reading = read(words, order.voiced_ms, before=order.before)
        heard_ms = self._sound_ms + len(self._sound) * 1000 // RATE
        if self.own_words.are(f"{order.before} {reading.text}", (heard_ms - order.start_ms) / 1000):
            return Reading(reading.text, echo=True)
        return reading

    def _say(self, output: Started | Partly | LikelyOver | Resumed | Over | Dropped) -> None:
        if isinstance(output, Started):
            self._utterance += 1
        about: dict[str, Any] = {"session": self._session, "instance": self._instance, "utterance": self._utterance}
        match output:
            case Started():
                message: UtteranceEvent = SpeechStarted(**about, onset_ms=output.onset_ms)
            case Partly():
                message = Partial(**about, text=output.text, backchannel=output.backchannel)
            case LikelyOver():
                message = EagerEndOfTurn(
                    **about, text=output.text, probability=output.probability, backchannel=output.backchannel
                )
            case Resumed():
                message = SpeechResumed(**about)
            case Over():
                message = TurnOver(
                    **about,
                    text=output.text,
                    backchannel=output.backchannel,
                    end_of_turn_delay=output.silence_ms,
                    transcription_delay=output.waited_ms,
                )
            case Dropped():
                message = Dismissed(**about, reason=output.reason)
        self._publish(message)
