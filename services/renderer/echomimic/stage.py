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
    """Whose window it is. Called from the stage's threads."""

    def deliver(self, take: "Take", pictures: list[Frame]) -> None:
        """The next pictures of the window."""
        ...

    def finish(self, take: "Take") -> None:
        """The window is over: whole if it has a `tail`; otherwise it was cancelled, or failed."""
        ...


@dataclass(slots=True, eq=False)
class Take:
    """One window that somebody wants. `due`: when its first picture is, in seconds of a clock common to all."""

    client: Client
    likeness: Likeness
    sound: NDArray[np.float32]
    carried: Tensor | None
    due: float
    cancelled: bool = False
    tail: Tensor | None = None
    _window: Denoising | None = None


class Stage:
    """Runs from the start until `close`."""

    def __init__(self, generator: Generator, rows: int = 2) -> None:
        """`rows`: of one pass, at most; a guided step takes two."""
        self._generator = generator
        self._sizes = generator.passes.sizes or tuple(range(1, rows + 1))
        self._news = threading.Condition()
        self._closed = False
        self._asked: deque[Take] = deque()
        self._denoising: list[Take] = []
        self._denoised: deque[Take] = deque()
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

    def submit(self, take: Take) -> None:
        """Make this window. Returns at once; its client is told as it goes on."""
        with self._news:
            self._asked.append(take)
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
            given_up = [take for take in self._denoising if take.cancelled]
            self._denoising = [take for take in self._denoising if not take.cancelled]
            chosen = self._choose()
        for take in given_up:
            self._over(take)
        windows = [take._window for take in chosen if take._window is not None]
        if not windows:
            return
        try:
            self._generator.advance(windows)
        except Exception as error:
            self._failed(chosen, error)
            return
        self.steps += len(windows)
        with self._news:
            done = [take for take, window in zip(chosen, windows, strict=True) if self._generator.done(window)]
            self._denoising = [take for take in self._denoising if take not in done]
            self._denoised.extend(done)
            self._news.notify_all()

    def _awaits(self, work: Callable[[], object]) -> bool:
        """Waits for work; False when there will be no more."""
        with self._news:
            self._news.wait_for(lambda: self._closed or work())
            return not self._closed

    def _choose(self) -> list[Take]:
        """The windows that are due soonest, as many as a pass takes."""
        chosen: list[Take] = []
        rows = [0]
        for take in sorted(self._denoising, key=lambda take: take.due):
            assert take._window is not None
            together = rows[-1] + self._generator.rows(take._window)
            if together > max(self._sizes):
                break
            chosen.append(take)
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
            take = self._denoised.popleft() if decode else self._asked.popleft()
        try:
            if decode and not take.cancelled:
                self._decode(take)
            elif not take.cancelled:
                take._window = self._generator.prepare(take.likeness, take.sound, take.carried)
        except Exception as error:
            self._failed([take], error)
            return
        if decode or take.cancelled:
            self._over(take)
            return
        with self._news:
            self._denoising.append(take)
            self._news.notify_all()

    def _decode(self, take: Take) -> None:
        assert take._window is not None
        tail: Tensor | None = None
        for pictures, last in self._generator.pictures(take._window, take.likeness):
            if take.cancelled:
                return
            take.client.deliver(take, pictures)
            tail = last
        take.tail = tail

    def _over(self, take: Take) -> None:
        take._window = None
        take.client.finish(take)

    def _failed(self, takes: list[Take], error: Exception) -> None:
        """Sound and idle motion go on without the pictures."""
        logger().error("a window could not be made", exc_info=error)
        with self._news:
            self._denoising = [take for take in self._denoising if take not in takes]
        for take in takes:
            self._over(take)
