"""Playout: speech in, sound and pictures out, each when the media clock says."""

import asyncio
import time

from services.common.logs import logger
from services.common.speech import Speech
from services.renderer.engine import Moment
from services.renderer.media.clock import FPS, LATE_LIMIT_S, LEAD_S, SAMPLE_RATE, MediaClock
from services.renderer.media.encoding import OpusEncoder, picture_sample
from services.renderer.media.publisher import Publisher
from services.renderer.sessions.render_thread import RenderThread
from services.renderer.sessions.reporting import Reporter
from services.renderer.speech.playback import Receipt
from services.renderer.streaming_buffer import StreamingBuffer


class Playout:
    """One session's speech on its way out. Runs as `play` and `show`; all of it on one loop."""

    def __init__(
        self,
        session: str,
        clock: MediaClock,
        buffer: StreamingBuffer,
        render_thread: RenderThread,
        publisher: Publisher,
        reporter: Reporter,
    ) -> None:
        self.began = asyncio.Event()
        """The first picture was sent; or the playout is over, and none will be."""
        self._session, self._clock, self._buffer = session, clock, buffer
        self._render_thread, self._publisher, self._reporter = render_thread, publisher, reporter
        self._late = 0.0  # of the last audio frame, s
        self._ticked = asyncio.Event()
        self._over = False

    def speak(self, speech: Speech) -> Receipt:
        """WindowJob a speech message. Raises `Problem` as `StreamingBuffer.accept` does."""
        receipt = self._buffer.accept(speech)
        if receipt.dropped:
            return receipt
        turn, pcm, direct = receipt.turn, receipt.pcm, self._render_thread.direct
        if receipt.replaced is not None:
            self._reporter.turn_ended(receipt.replaced, self._buffer.buffered_ms)
            direct(lambda performer: performer.cancel(turn - 1))
        self._reporter.speech_came(turn, time.monotonic())
        if len(pcm) or speech.visemes:
            direct(lambda performer: performer.hear(turn, speech.t0, pcm, speech.sr, speech.visemes))
        if speech.final or speech.turn is None:
            direct(lambda performer: performer.end(turn))
        return receipt

    async def cancel(self, turn: int) -> int:
        """Drop turns up to this one. Returns how many ms of it were heard, once it is silent."""
        came = time.monotonic()
        speaking = self._buffer.speaking and self._buffer.turn <= turn
        heard_ms = self._buffer.cancel(turn)
        if speaking:
            self._render_thread.direct(lambda performer: performer.cancel(turn))
            self._reporter.turn_ended(self._buffer.turn, self._buffer.buffered_ms)
            await self._silence()
            self._reporter.silenced(time.monotonic() - came)
        return heard_ms

    async def pause(self, turn: int) -> int:
        """Let turns up to this one stand still. Returns how many ms of it were heard, once it is silent."""
        self._buffer.pause(turn)
        if self._buffer.speaking and self._buffer.turn <= turn:
            await self._silence()
        return self._buffer.heard_ms(turn)

    def resume(self, turn: int) -> int:
        """Let turns up to this one go on where they stopped: that many ms into it."""
        self._buffer.resume(turn)
        return self._buffer.heard_ms(turn)

    def stop(self) -> None:
        """Nothing more is played: whatever waits for sound or for a picture goes on."""
        self._over = True
        self._ticked.set()
        self.began.set()

    async def _silence(self) -> None:
        """Returns with the next frame of sound, which ends in silence."""
        if not self._over:
            self._ticked.clear()
            await self._ticked.wait()

    async def play(self) -> None:
        """Every 20 ms a frame of sound, whether anybody hears it or not: the clock of everything else."""
        opus = OpusEncoder()
        while True:
            now = time.monotonic()
            expected = self._clock.next_sample
            sample = self._clock.release(now)
            if sample is None:
                await asyncio.sleep(self._clock.wait(now))
                continue
            if sample != expected:
                paused_ms = (sample - expected) * 1000 // SAMPLE_RATE
                logger().warning("the machine was too busy; sound paused", session=self._session, ms=paused_ms)
            tick = self._buffer.tick(hold=self._pictures_are_missing())
            self._publisher.send_audio(opus.encode(tick.pcm, sample))
            self._late = now - self._clock.due(sample)
            self._reporter.ticked(tick, time.monotonic(), self._buffer.buffered_ms)
            self._ticked.set()
            await asyncio.sleep(0)  # catching up must not outrun the sender

    def _pictures_are_missing(self) -> bool:
        """Whether speech is about to begin that the face cannot show yet."""
        begins = self._buffer.begins_at
        return begins is not None and not self._render_thread.ready(self._buffer.turn, begins)

    async def show(self) -> None:
        """Fifteen pictures a second, each drawn just before it is due."""
        number, takes = -1, LEAD_S / 2
        while True:
            if not self._publisher.live:
                self._ticked.clear()
                await self._ticked.wait()
                continue
            number = self._clock.next_picture(number, time.monotonic(), takes)
            due = self._clock.picture_due(number)
            await _until(self._clock.picture_begin(number, takes))
            turn, t = self._buffer.at(picture_sample(number) - self._clock.next_sample)
            moment = Moment(number / FPS, turn, t)
            begun = time.monotonic()
            keyframe = self._publisher.take_keyframe_request()
            packet = await self._render_thread.draw(moment, number, due + LATE_LIMIT_S, keyframe=keyframe)
            takes += 0.2 * (time.monotonic() - begun - takes)
            if packet is None:
                if keyframe:
                    self._publisher.request_keyframe()
                continue
            await _until(due)
            if time.monotonic() - due > LATE_LIMIT_S:
                self._publisher.request_keyframe()  # the pictures that follow build on one that nobody gets
            elif self._publisher.live:
                self._publisher.send_video(packet)
                now = time.monotonic()
                self.began.set()
                self._reporter.picture_sent(moment, now, (now - due - self._late) * 1000)


async def _until(at: float) -> None:
    await asyncio.sleep(max(0.0, at - time.monotonic()))
