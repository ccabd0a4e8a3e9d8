"""The media clock: one origin from which the due time of every audio and video frame follows.

Pure: the caller brings the time. Media time is counted in samples at 48 kHz. Audio frame n holds the samples from 960·n
(20 ms), video frame k belongs to sample 3200·k (1/15 s); both are due when their sample is. Deadlines are absolute, so
a late frame never delays the ones after it.
"""

SAMPLE_RATE = 48_000
SAMPLES_PER_TICK = 960
FPS = 15
SAMPLES_PER_PICTURE = SAMPLE_RATE // FPS

EARLY_S = 0.0005
"""Timers wake up this much too early; waiting again for so little would only make the frame late."""

CATCH_UP_S = 0.2
"""Audio that is at most this late goes out in a burst, which receivers' jitter buffers smooth. After a longer pause of
the machine media time jumps to the present instead. Speech goes on where it was in either case."""

LEAD_S = 0.030
"""A picture is begun this long before it is due: room for drawing (8 ms) and encoding (3 ms) on a busy core. More would
only make the mouth start later."""

LATE_AIM_S = 0.040
"""A picture that would be later than this is not begun; the one before it stays on the screen."""

LATE_LIMIT_S = 0.120
"""A picture that became later than this is not sent."""


class MediaClock:
    """Which frames are due, in an order that never goes back."""

    def __init__(self, origin: float) -> None:
        self.restart(origin)

    def restart(self, origin: float) -> None:
        """Media time 0 is at `origin`, in the caller's seconds, and nothing has been released yet."""
        self._origin = origin
        self._tick = 0

    @property
    def next_sample(self) -> int:
        """First sample of the next audio frame."""
        return self._tick * SAMPLES_PER_TICK

    def due(self, sample: int) -> float:
        """The time at which a sample is due, in the caller's seconds."""
        return self._origin + sample / SAMPLE_RATE

    def wait(self, now: float) -> float:
        """Seconds until the next audio frame is due; 0 when it is already."""
        return max(0.0, self.due(self.next_sample) - now)

    def release(self, now: float) -> int | None:
        """The first sample of the audio frame that is due, once for each frame; None before it is due."""
        late = now - self.due(self.next_sample)
        if late < -EARLY_S:
            return None
        if late > CATCH_UP_S:
            self._tick = int((now - self._origin) * SAMPLE_RATE) // SAMPLES_PER_TICK
        sample = self.next_sample
        self._tick += 1
        return sample

    def picture_due(self, picture: int) -> float:
        """The time at which a picture is due, in the caller's seconds."""
        return self.due(picture * SAMPLES_PER_PICTURE)

    def picture_begin(self, picture: int, takes: float) -> float:
        """When to begin a picture that takes so many seconds."""
        return self.picture_due(picture) - max(LEAD_S, 1.5 * takes)

    def next_picture(self, after: int, now: float, takes: float) -> int:
        """The first picture after `after` that would be on time, begun now and done `takes` seconds later."""
        soonest = (now + takes - LATE_AIM_S - self._origin) * FPS
        return max(after + 1, int(-(-soonest // 1)))
