"""How far speech may run ahead of what is heard. Pure: the time is handed in, in seconds on any steady clock."""

MARGIN_MS = 60
"""Room for what the estimate cannot know: the renderer counts in 20 ms frames and begins a moment after it answers."""


class Pace:
    """Estimates from the renderer's last answer how much speech still waits there."""

    def __init__(self, limit_ms: float) -> None:
        self._limit_ms = limit_ms - MARGIN_MS
        self._buffered_ms = 0.0
        self._told_at = 0.0
        self._held_at: float | None = None

    def buffered_ms(self, now: float) -> float:
        """Speech that the renderer has not yet played, ms."""
        if self._held_at is not None:
            now = self._held_at
        return max(0.0, self._buffered_ms - (now - self._told_at) * 1000)

    def accepted(self, buffered_ms: float, now: float) -> None:
        """The renderer took a message and now holds this much."""
        self._buffered_ms, self._told_at = buffered_ms, now
        if self._held_at is not None:
            self._held_at = now

    def hold(self, now: float) -> None:
        """Nothing is played from now on."""
        if self._held_at is None:
            self._held_at = now

    def release(self, now: float) -> None:
        """Playing goes on."""
        self._buffered_ms, self._told_at = self.buffered_ms(now), now
        self._held_at = None

    def wait_s(self, duration_ms: float, now: float) -> float:
        """How long to wait until `duration_ms` more keeps within the limit, s. Nothing is held meanwhile."""
        return max(0.0, self.buffered_ms(now) + duration_ms - self._limit_ms) / 1000
