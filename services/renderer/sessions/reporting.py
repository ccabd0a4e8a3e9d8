"""What a session measures of itself, and tells its owner and Prometheus. Times are handed in, in seconds of one
monotonic clock."""

import contextlib
from collections import deque

from services.common import metrics
from services.common.messages import Caption, Metrics, Playback
from services.renderer.engine import Moment
from services.renderer.sessions.events import EventFeed
from services.renderer.speech.playback import Position, Tick, WordStarted


class FrameRate:
    """Pictures a second over the last five seconds."""

    WINDOW_S = 5.0

    def __init__(self) -> None:
        self._sent: deque[float] = deque()

    def add(self, at: float) -> float:
        """A picture is sent; returns the rate with it."""
        self._sent.append(at)
        while at - self._sent[0] > self.WINDOW_S:
            self._sent.popleft()
        return self.value

    @property
    def value(self) -> float:
        """0 before the second picture."""
        if len(self._sent) < 2:
            return 0.0
        return (len(self._sent) - 1) / (self._sent[-1] - self._sent[0])


class TurnMeter:
    """One turn, from the first speech that comes in."""

    def __init__(self, turn: int, at: float) -> None:
        self.turn = turn
        self._came_at = at
        self._first_picture: float | None = None
        self._skew = 0.0
        self._buffered = 0
        self._ticks = 0
        self.underruns = 0

    def sounded(self, at: float) -> float:
        """The first sound goes out: seconds since the first speech came in."""
        return at - self._came_at

    def ticked(self, buffered_ms: int) -> None:
        """20 ms of the turn go out while `buffered_ms` of it wait."""
        self._buffered += buffered_ms
        self._ticks += 1

    def showed(self, at: float, skew_ms: float) -> float | None:
        """A picture of this turn's speech goes out. The first one: seconds since the first speech came in."""
        if abs(skew_ms) > abs(self._skew):
            self._skew = skew_ms
        if self._first_picture is not None:
            return None
        self._first_picture = at - self._came_at
        return self._first_picture

    def report(self, session: str, fps: float) -> Metrics:
        """`av_skew_ms` at its largest, `buffer_ms` on average, both over the turn."""
        shown = self._first_picture is not None
        return Metrics(
            session=session,
            turn=self.turn,
            render_ttff=round(self._first_picture * 1000, 1) if self._first_picture is not None else None,
            av_skew_ms=round(self._skew, 1) if shown else None,
            final_fps=round(fps, 2) if fps else None,
            buffer_ms=round(self._buffered / self._ticks, 1) if self._ticks else None,
            underruns_total=self.underruns,
        )


class Reporter:
    """Turns what happens in a session into its events and metrics."""

    def __init__(self, session: str, events: EventFeed) -> None:
        self._session, self._events = session, events
        self._rate = FrameRate()
        self._meter: TurnMeter | None = None

    def speech_came(self, turn: int, at: float) -> None:
        """Speech of the turn comes in at this time; the first of it begins the turn's measurements."""
        if self._meter is None or self._meter.turn != turn:
            self._meter = TurnMeter(turn, at)

    def ticked(self, tick: Tick, at: float, buffered_ms: int) -> None:
        """A frame of sound goes out, and `buffered_ms` wait behind it."""
        meter = self._meter
        if meter is not None and tick.spoken:
            meter.ticked(buffered_ms)
        if tick.ran_dry:
            metrics.UNDERRUNS_TOTAL.inc()
            if meter is not None:
                meter.underruns += 1
        if tick.spoken or tick.happened:
            metrics.BUFFER_MS.labels(self._session).set(buffered_ms)
        for event in tick.happened:
            match event:
                case WordStarted(turn, word):
                    self._events.put(Caption(session=self._session, turn=turn, word=word.text, t0=word.t0, t1=word.t1))
                case Position(turn, t, phase):
                    self._events.put(Playback(session=self._session, turn=turn, t=t, phase=phase))
                    if phase == "started" and meter is not None:
                        metrics.PLAYBACK_LATENCY.observe(meter.sounded(at))
                    elif phase == "finished":
                        self.turn_ended(turn, buffered_ms)

    def turn_ended(self, turn: int, buffered_ms: int) -> None:
        """Finished, replaced or cancelled: the turn's metrics are its last event."""
        if self._meter is not None and self._meter.turn == turn:
            self._events.put(self._meter.report(self._session, self._rate.value))
            self._meter = None
        metrics.BUFFER_MS.labels(self._session).set(buffered_ms)

    def silenced(self, seconds: float) -> None:
        """A cancel was followed by silence after so long."""
        metrics.INTERRUPTION_TO_SILENCE_MS.observe(seconds * 1000)

    def picture_sent(self, moment: Moment, at: float, skew_ms: float) -> None:
        """`skew_ms`: by how much more the picture is late than the sound."""
        metrics.AV_SKEW_MS.observe(skew_ms)
        metrics.FINAL_FPS.labels(self._session).set(self._rate.add(at))
        if moment.t is not None and self._meter is not None and self._meter.turn == moment.turn:
            first = self._meter.showed(at, skew_ms)
            if first is not None:
                metrics.RENDER_TTFF.observe(first)

    def close(self) -> None:
        """The session's own gauges go."""
        for gauge in (metrics.FINAL_FPS, metrics.BUFFER_MS):
            with contextlib.suppress(KeyError):
                gauge.remove(self._session)
