"""How many faces speak at once on one GPU: sessions that ask for their next window as soon as they have the last."""

import threading
import time
from collections.abc import Iterator

import numpy as np

from services.renderer.echomimic.generator import Generator, Likeness
from services.renderer.echomimic.sound import sample_at
from services.renderer.echomimic.stage import Stage, WindowJob
from services.renderer.engine import Frame
from services.renderer.media.clock import FPS

WINDOWS = 6
"""Windows that each session speaks."""

REAL_TIME = 0.9
"""Real-time factor up to which sessions count as served: what is left is for jitter."""

MOST = 8


class Speaker:
    """One session. `latest`: the longest that it waited for a window's first pictures, s."""

    def __init__(
        self, stage: Stage, likeness: Likeness, generator: Generator, begun: float, windows: int = WINDOWS
    ) -> None:
        self._stage, self._likeness, self._begun = stage, likeness, begun
        self._sound = (
            np.random.default_rng(0).normal(size=sample_at(generator.recipe.audio_pictures)).astype(np.float32)
        )
        self._seconds = (generator.recipe.scheme.window - generator.recipe.scheme.overlap) / FPS
        self._left = windows
        self._asked = begun
        self.latest = 0.0
        self.over = threading.Event()

    def ask(self, carried: object = None) -> None:
        due = self._begun + (WINDOWS - self._left) * self._seconds
        self._asked, self._first = time.perf_counter(), True
        self._stage.submit(WindowJob(self, self._likeness, self._sound, carried, due))

    def deliver(self, job: WindowJob, pictures: list[Frame]) -> None:
        if self._first:
            self._first = False
            self.latest = max(self.latest, time.perf_counter() - self._asked)

    def finish(self, job: WindowJob) -> None:
        self._left -= 1
        if self._left and job.tail is not None:
            self.ask(job.tail)
        else:
            self.over.set()


def speaking_at_once(generator: Generator, likeness: Likeness) -> Iterator[tuple[int, dict[str, float]]]:
    """(sessions, their real-time factor and the longest wait for first pictures), until they are too many."""
    scheme = generator.recipe.scheme
    for count in range(1, MOST + 1):
        stage = Stage(generator)
        warm = Speaker(stage, likeness, generator, 0, windows=1)  # its threads and streams are new
        warm.ask()
        warm.over.wait()
        begun = time.perf_counter()
        speakers = [Speaker(stage, likeness, generator, begun) for _ in range(count)]
        for speaker in speakers:
            speaker.ask()
        for speaker in speakers:
            speaker.over.wait()
        taken = time.perf_counter() - begun
        stage.close()
        rtf = taken * FPS / (WINDOWS * (scheme.window - scheme.overlap))
        latest = max(speaker.latest for speaker in speakers)
        yield count, {"rtf": round(rtf, 3), "longest_wait_ms": round(latest * 1000, 1)}
        if rtf > REAL_TIME:
            return
