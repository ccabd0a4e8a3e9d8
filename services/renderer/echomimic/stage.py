"""Where windows are made: two threads that share the GPU, for all sessions.

One denoises: again and again it takes the windows that are due soonest and brings each one step further, side by side
in one pass, whatever steps they are at. The other prepares windows and decodes them, on a stream of its own, while the
first goes on with others. A window that is cancelled is left out of the next step.
"""

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from services.common.logs import logger
from services.renderer.echomimic.generator import Denoising, Generator, Likeness
from services.renderer.engine import Frame


class Client(Protocol):
    """Whoever submits a job. Called from the stage's threads."""

    def deliver(self, job: "WindowJob", pictures: list[Frame]) -> None:
        """The next pictures of the window."""
        ...

    def finish(self, job: "WindowJob") -> None:
        """The window is over: whole if it has a `tail`; otherwise it was cancelled, or failed."""
        ...


@dataclass(slots=True, eq=False)
class WindowJob:
    """One window to be made. `due`: when its first picture is due, in seconds of a clock common to all jobs;
    `tail`: its last pictures, for the next window, once it is made whole."""

    client: Client
    likeness: Likeness
    sound: NDArray[np.float32]
    carried: Tensor | None
    due: float
    cancelled: bool = False
    tail: Tensor | None = None
    _window: Denoising | None = None


class Stage:
    """Takes jobs until `close`, or until one of its threads fails."""

    def __init__(self, generator: Generator, rows: int = 2) -> None:
        """`rows`: of one pass, at most; a guided step takes two."""
        self._generator = generator
        self._sizes = generator.passes.sizes or tuple(range(1, rows + 1))
        self._news = threading.Condition()
        self._closed = False
        self._asked: deque[WindowJob] = deque()
        self._denoising: list[WindowJob] = []
        self._denoised: deque[WindowJob] = deque()
        self.steps = 0
        """Steps that were taken so far, of all windows: what the model has worked."""
        self.failure: Future[None] = Future()
        """Done, with the error, once one of the threads has failed: there are no pictures any more."""
        self._threads = [
            threading.Thread(target=self._run, args=(name, loop), name=name, daemon=True)
            for loop, name in ((self._denoise, "denoise"), (self._serve, "decode"))
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, job: WindowJob) -> None:
        """Make this window. Returns at once; the client gets what comes of it."""
        with self._news:
            self._asked.append(job)
            self._news.notify_all()

    def close(self) -> None:
        """End both threads, after the pass and the window that they are at."""
        with self._news:
            self._closed = True
            self._news.notify_all()
        for thread in self._threads:
            thread.join()

    def _run(self, name: str, loop: Callable[[], None]) -> None:
        """A thread's life, on a stream of its own. What a window raises is caught further in."""
        cuda = self._generator.device.type == "cuda"
        try:
            with torch.cuda.stream(torch.cuda.Stream()) if cuda else contextlib.nullcontext():
                loop()
        except Exception as error:
            logger().critical("a thread of the engine failed", thread=name, exc_info=error)
            with self._news:
                self._closed = True
                self._news.notify_all()
                if not self.failure.done():
                    self.failure.set_exception(error)

    def _denoise(self) -> None:
        while self._awaits(lambda: self._denoising):
            self._step()

    def _step(self) -> None:
        """One pass. What it used is let go of with its end."""
        with self._news:
            given_up = [job for job in self._denoising if job.cancelled]
            self._denoising = [job for job in self._denoising if not job.cancelled]
            chosen = self._choose()
        for job in given_up:
            self._over(job)
        windows = [job._window for job in chosen if job._window is not None]
        if not windows:
            return
        try:
            self._generator.advance(windows)
        except Exception as error:
            self._failed(chosen, error)
            return
        self.steps += len(windows)
        with self._news:
            done = [job for job, window in zip(chosen, windows, strict=True) if self._generator.done(window)]
            self._denoising = [job for job in self._denoising if job not in done]
            self._denoised.extend(done)
            self._news.notify_all()

    def _awaits(self, work: Callable[[], object]) -> bool:
        """Waits for work; False when there will be no more."""
        with self._news:
            self._news.wait_for(lambda: self._closed or work())
            return not self._closed

    def _choose(self) -> list[WindowJob]:
        """The windows that are due soonest, as many as a pass takes."""
        chosen: list[WindowJob] = []
        rows = [0]
        for job in sorted(self._denoising, key=lambda job: job.due):
            assert job._window is not None
            together = rows[-1] + self._generator.rows(job._window)
            if together > max(self._sizes):
                break
            chosen.append(job)
            rows.append(together)
        while chosen and rows[-1] not in self._sizes:
            chosen.pop()
            rows.pop()
        return chosen

    def _serve(self) -> None:
        while self._awaits(lambda: self._denoised or self._asked):
            self._serve_one()

    def _serve_one(self) -> None:
        """Pictures that are wanted come before windows that begin."""
        with self._news:
            decode = bool(self._denoised)
            job = self._denoised.popleft() if decode else self._asked.popleft()
        try:
            if decode and not job.cancelled:
                self._decode(job)
            elif not job.cancelled:
                job._window = self._generator.prepare(job.likeness, job.sound, job.carried)
        except Exception as error:
            self._failed([job], error)
            return
        if decode or job.cancelled:
            self._over(job)
            return
        with self._news:
            self._denoising.append(job)
            self._news.notify_all()

    def _decode(self, job: WindowJob) -> None:
        assert job._window is not None
        tail: Tensor | None = None
        for pictures, last in self._generator.pictures(job._window, job.likeness):
            if job.cancelled:
                return
            job.client.deliver(job, pictures)
            tail = last
        job.tail = tail

    def _over(self, job: WindowJob) -> None:
        job._window = None
        job.client.finish(job)

    def _failed(self, jobs: list[WindowJob], error: Exception) -> None:
        """Sound and idle motion go on without the pictures."""
        logger().error("a window could not be made", exc_info=error)
        with self._news:
            self._denoising = [job for job in self._denoising if job not in jobs]
        for job in jobs:
            self._over(job)
