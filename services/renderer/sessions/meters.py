"""What a session measures of itself. Pure: times are handed in, in seconds of one monotonic clock."""

from collections import deque

from services.common.messages import Metrics


class FrameRate:
    """Pictures a second over the last five seconds."""

    WINDOW_S = 5.0

    def __init__(self) -> None:
        self._sent: deque[float] = deque()

    def add(self, at: float) -> float:
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
