"""One avatar on air: its speech, its face, its place in the gateway, and what it tells its owner."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Literal, TypeVar

import httpx

from services.common import metrics
from services.common.background import Background
from services.common.errors import Problem
from services.common.logs import logger
from services.common.messages import Caption, Playback
from services.common.speech import Speech
from services.common.whip import Target
from services.renderer.engine import Engine, Moment, Performer
from services.renderer.media.clock import FPS, LATE_LIMIT_S, LEAD_S, SAMPLE_RATE, MediaClock
from services.renderer.media.encoding import OpusEncoder, Packet, Vp8Encoder, picture_sample
from services.renderer.media.publisher import Publication
from services.renderer.sessions.events import EventFeed
from services.renderer.sessions.meters import FrameRate, TurnMeter
from services.renderer.streaming_buffer import Heard, Offer, Position, StreamingBuffer, Tick

RETRY_S = (0.25, 2.0)
"""First and longest pause between attempts to publish again."""

LINGER_S = 60.0
"""A session without a reader of its events ends after this long."""

T = TypeVar("T")


class Session:
    """Lives from `open` to `close`, or until its owner leaves; `ended` is set then. All of it runs on one loop."""

    def __init__(
        self,
        name: str,
        http: httpx.AsyncClient,
        target: Target,
        *,
        avatar: str,
        style: str,
        buffer_ms: int,
        linger_s: float = LINGER_S,
    ) -> None:
        self.name, self.avatar, self.style, self.target = name, avatar, style, target
        self.state: Literal["connecting", "live", "reconnecting"] = "connecting"
        self.feed = EventFeed()
        self.ended = asyncio.Event()
        self.buffer = StreamingBuffer(buffer_ms)
        self._http = http
        self._linger_s = linger_s
        self._clock = MediaClock(time.monotonic())
        self._late = 0.0  # of the last audio frame, s
        self._publication: Publication | None = None
        self._keyframe = True
        self._seen = asyncio.Event()
        self._ticked = asyncio.Event()
        self._rate = FrameRate()
        self._meter: TurnMeter | None = None
        # Everything that touches the performer or the video encoder runs on this one thread, in order.
        self._artist = ThreadPoolExecutor(1, thread_name_prefix=f"draw-{name}")
        self._performer: Performer | None = None
        self._vp8: Vp8Encoder | None = None
        self._task: asyncio.Task[None] | None = None

    async def open(self, engine: Engine, background: Background) -> None:
        """On air, with a first picture sent. Raises `Problem` if the avatar or the gateway is not to be had."""
        try:
            self._performer = await self._drawn(lambda: engine.open(self.avatar, self.style))
            self._vp8 = await self._drawn(Vp8Encoder)
            self._publication = await self._publish()
            self._clock = MediaClock(time.monotonic())
            self._task = background.spawn(f"session {self.name}", self._run())
            seen = asyncio.create_task(self._seen.wait())
            await asyncio.wait([seen, self._task], return_when=asyncio.FIRST_COMPLETED)
            seen.cancel()
            if self.ended.is_set():
                raise Problem(503, f"session: {self.name} ended while it started; the renderer's log has the details.")
        except BaseException:
            await self.close()
            raise
        self.state = "live"

    async def close(self) -> None:
        """Off air. Safe to call more than once, and while it opens."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._task is None:
            await self._clear_up()

    def speak(self, speech: Speech) -> Offer:
        """Take a speech message. Raises `Problem` as `StreamingBuffer.offer` does."""
        offer = self.buffer.offer(speech)
        if offer.dropped:
            return offer
        if offer.replaced is not None:
            self._turn_ended(offer.replaced)
            self._direct(lambda performer: performer.cancel(offer.turn - 1))
        if self._meter is None or self._meter.turn != offer.turn:
            self._meter = TurnMeter(offer.turn, time.monotonic())
        if len(offer.pcm) or speech.visemes:
            self._direct(lambda performer: performer.hear(offer.turn, speech.t0, offer.pcm, speech.sr, speech.visemes))
        if speech.final or speech.turn is None:
            self._direct(lambda performer: performer.end(offer.turn))
        return offer

    async def cancel(self, turn: int) -> int:
        """Drop turns up to this one. Returns how many ms of it were heard, once it is silent."""
        came = time.monotonic()
        speaking = self.buffer.speaking and self.buffer.turn <= turn
        heard = self.buffer.cancel(turn)
        if speaking:
            self._direct(lambda performer: performer.cancel(turn))
            self._turn_ended(self.buffer.turn)
            await self._silent()
            metrics.INTERRUPTION_TO_SILENCE_MS.observe((time.monotonic() - came) * 1000)
        return heard

    async def pause(self, turn: int) -> int:
        """Let turns up to this one stand still. Returns how many ms of it were heard, once it is silent."""
        self.buffer.pause(turn)
        if self.buffer.speaking and self.buffer.turn <= turn:
            await self._silent()
        return self.buffer.heard_ms(turn)

    def resume(self, turn: int) -> int:
        """Let turns up to this one go on where they stopped: that many ms into it."""
        self.buffer.resume(turn)
        return self.buffer.heard_ms(turn)

    async def _silent(self) -> None:
        """The next frame of sound ends in silence."""
        if not self.ended.is_set():
            self._ticked.clear()
            await self._ticked.wait()

    def restyle(self, style: str) -> None:
        self.style = style
        self._direct(lambda performer: performer.restyle(style))

    async def _run(self) -> None:
        log = logger().bind(session=self.name)
        log.info("session on air", avatar=self.avatar, style=self.style)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._play()),
                    group.create_task(self._show()),
                    group.create_task(self._stay_published()),
                ]
                await self.feed.abandoned(self._linger_s)
                log.info("nobody reads the session's events; it ends", after_s=self._linger_s)
                for task in tasks:
                    task.cancel()
        finally:
            await asyncio.shield(self._clear_up())
            log.info("session off air")

    async def _clear_up(self) -> None:
        if self.ended.is_set():
            return
        self.ended.set()
        self._ticked.set()
        self.feed.close()
        for gauge in (metrics.FINAL_FPS, metrics.BUFFER_MS):
            with contextlib.suppress(KeyError):
                gauge.remove(self.name)
        if self._publication is not None:
            await self._publication.close()
            self._publication = None
        if self._performer is not None:
            self._artist.submit(self._performer.close)
        self._artist.shutdown(wait=False)

    # --- sound ---------------------------------------------------------------------------------------------------

    async def _play(self) -> None:
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
                logger().warning("the machine was too busy; sound paused", session=self.name, ms=paused_ms)
            tick = self.buffer.tick(hold=self._pictures_are_missing())
            packet = opus.encode(tick.pcm, sample)
            if self._publication is not None:
                self._publication.send_audio(packet)
            self._late = now - self._clock.due(sample)
            self._tell(tick)
            self._ticked.set()
            await asyncio.sleep(0)  # catching up must not outrun the sender

    def _pictures_are_missing(self) -> bool:
        """Whether speech is about to begin that the face cannot show yet."""
        begins = self.buffer.begins_at
        return (
            begins is not None and self._performer is not None and not self._performer.ready(self.buffer.turn, begins)
        )

    def _tell(self, tick: Tick) -> None:
        meter = self._meter
        if meter is not None and tick.spoken:
            meter.ticked(self.buffer.buffered_ms)
        if tick.ran_dry:
            metrics.UNDERRUNS_TOTAL.inc()
            if meter is not None:
                meter.underruns += 1
        if tick.spoken or tick.happened:
            metrics.BUFFER_MS.labels(self.name).set(self.buffer.buffered_ms)
        for event in tick.happened:
            match event:
                case Heard(turn, word):
                    self.feed.put(Caption(session=self.name, turn=turn, word=word.text, t0=word.t0, t1=word.t1))
                case Position(turn, t, phase):
                    self.feed.put(Playback(session=self.name, turn=turn, t=t, phase=phase))
                    if phase == "started" and meter is not None:
                        metrics.PLAYBACK_LATENCY.observe(meter.sounded(time.monotonic()))
                    elif phase == "finished":
                        self._turn_ended(turn)

    def _turn_ended(self, turn: int) -> None:
        if self._meter is not None and self._meter.turn == turn:
            self.feed.put(self._meter.report(self.name, self._rate.value))
            self._meter = None
        metrics.BUFFER_MS.labels(self.name).set(self.buffer.buffered_ms)

    # --- picture -------------------------------------------------------------------------------------------------

    async def _show(self) -> None:
        """Fifteen pictures a second, each drawn just before it is due."""
        number, takes = -1, LEAD_S / 2
        while True:
            if self._publication is None:
                self._ticked.clear()
                await self._ticked.wait()
                continue
            number = self._clock.next_picture(number, time.monotonic(), takes)
            due = self._clock.picture_due(number)
            await _until(self._clock.picture_begin(number, takes))
            turn, t = self.buffer.at(picture_sample(number) - self._clock.next_sample)
            moment = Moment(number / FPS, turn, t)
            begun = time.monotonic()
            keyframe, self._keyframe = self._keyframe, False
            packet = await self._drawn(partial(self._draw, moment, number, keyframe))
            takes += 0.2 * (time.monotonic() - begun - takes)
            if packet is None:
                self._keyframe |= keyframe
                continue
            await _until(due)
            if time.monotonic() - due > LATE_LIMIT_S:
                self._keyframe = True  # the pictures that follow build on one that nobody gets
            elif self._publication is not None:
                self._keyframe |= not self._publication.send_video(packet)
                self._shown(moment, due)

    def _draw(self, moment: Moment, number: int, keyframe: bool) -> Packet | None:
        """On the artist's thread. None if drawing took so long that the picture is better left out."""
        assert self._performer is not None
        assert self._vp8 is not None
        begun = time.monotonic()
        picture = self._performer.frame(moment)
        if time.monotonic() - self._clock.picture_due(number) > LATE_LIMIT_S:
            return None
        packet = self._vp8.encode(picture, number, keyframe=keyframe)
        metrics.FRAME_DRAW_MS.observe((time.monotonic() - begun) * 1000)
        return packet

    def _shown(self, moment: Moment, due: float) -> None:
        now = time.monotonic()
        self._seen.set()
        skew_ms = (now - due - self._late) * 1000
        metrics.AV_SKEW_MS.observe(skew_ms)
        metrics.FINAL_FPS.labels(self.name).set(self._rate.add(now))
        if moment.t is not None and self._meter is not None and self._meter.turn == moment.turn:
            first = self._meter.showed(now, skew_ms)
            if first is not None:
                metrics.RENDER_TTFF.observe(first)

    # --- place in the gateway ------------------------------------------------------------------------------------

    async def _publish(self) -> Publication:
        self._keyframe = True
        return await Publication.open(self._http, self.target, due=self._packet_due, on_keyframe=self._keyframe_wanted)

    async def _stay_published(self) -> None:
        """When the gateway goes away, publish again until it is back. Clock and speech go on meanwhile."""
        log = logger().bind(session=self.name)
        while True:
            assert self._publication is not None
            await self._publication.lost.wait()
            lost, self._publication = self._publication, None
            self.state = "reconnecting"
            log.warning("the gateway is gone; publishing again", url=self.target.url)
            await lost.close()
            pause, longest = RETRY_S
            while self._publication is None:
                try:
                    self._publication = await self._publish()
                except Problem as problem:
                    log.debug("not published", reason=problem.detail, again_in_s=pause)
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, longest)
            self.state = "live"
            log.info("published again")

    def _packet_due(self, packet: Packet) -> float:
        """When a packet of either track was due, by the one clock."""
        return self._clock.due(packet.pts * SAMPLE_RATE // packet.rate)

    def _keyframe_wanted(self) -> None:
        self._keyframe = True

    # --- the artist's thread -------------------------------------------------------------------------------------

    async def _drawn(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._artist, work)

    def _direct(self, order: Callable[[Performer], None]) -> None:
        """Tell the performer something; it is done before the next picture is begun."""
        if self._performer is None or self.ended.is_set():
            return
        self._artist.submit(order, self._performer).add_done_callback(self._directed)

    def _directed(self, done: Future[None]) -> None:
        if (error := done.exception()) is not None:
            logger().error("the performer failed", session=self.name, exc_info=error)


async def _until(at: float) -> None:
    await asyncio.sleep(max(0.0, at - time.monotonic()))
