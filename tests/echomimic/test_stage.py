"""The stage: who is served first, what cancel and failure do. The models are stood in for by counters."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from services.common.logs import configure_logs
from services.renderer.echomimic.loading import animated
from services.renderer.echomimic.recipe import Recipe
from services.renderer.echomimic.stage import Stage, WindowJob
from services.renderer.engine import EngineUnavailableError, Frame
from services.renderer.settings import RendererSettings

STEPS = 4


@dataclass
class CountingWindow:
    name: str
    step: int = 0


class CountingGenerator:
    """Fills what the stage uses of `Generator`. Every pass waits until the test lets it go."""

    device = torch.device("cpu")

    def __init__(self, sizes: tuple[int, ...] = ()) -> None:
        self.passes = SimpleNamespace(sizes=sizes)
        self.passed: list[list[str]] = []
        self.let_go = threading.Semaphore(0)
        self.arrived = threading.Semaphore(0)
        self.broken = ""

    def prepare(self, likeness: str, sound: object, tail: object) -> CountingWindow:
        return CountingWindow(likeness)

    def rows(self, window: CountingWindow) -> int:
        return 2 if window.step == 0 else 1

    def advance(self, windows: list[CountingWindow]) -> None:
        self.passed.append([window.name for window in windows])
        self.arrived.release()
        self.let_go.acquire()
        if self.broken in self.passed[-1]:
            raise RuntimeError("out of memory, say")
        for window in windows:
            window.step += 1

    def done(self, window: CountingWindow) -> bool:
        return window.step == STEPS

    def pictures(self, window: CountingWindow, likeness: str) -> Iterator[tuple[list[Frame], torch.Tensor]]:
        for level in (1, 2):
            yield [np.full((2, 2, 3), level, np.uint8)], torch.tensor(level)


@dataclass
class Person:
    """Fills `Client`."""

    got: list[int] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def deliver(self, job: WindowJob, pictures: list[Frame]) -> None:
        self.got += [int(picture[0, 0, 0]) for picture in pictures]

    def finish(self, job: WindowJob) -> None:
        self.over.set()


class Served:
    def __init__(self, generator: CountingGenerator, rows: int = 2) -> None:
        self.generator = generator
        self.stage = Stage(generator, rows)  # type: ignore[arg-type]

    def ask(self, name: str, due: float = 0.0) -> tuple[WindowJob, Person]:
        person = Person()
        likeness: Any = name
        job = WindowJob(person, likeness, np.zeros(1, np.float32), None, due)
        self.stage.submit(job)
        return job, person

    def queued(self, count: int) -> None:
        """Returns when so many windows are ready for a step."""
        with self.stage._news:
            assert self.stage._news.wait_for(lambda: len(self.stage._denoising) == count, timeout=10)

    def step(self) -> None:
        """One pass begins, and is let go."""
        assert self.generator.arrived.acquire(timeout=10)
        self.generator.let_go.release()


@pytest.fixture
def served() -> Iterator[Served]:
    served = Served(CountingGenerator())
    yield served
    for _ in range(50):
        served.generator.let_go.release()
    served.stage.close()


def test_a_window_comes_whole_and_in_order(served: Served) -> None:
    """All steps, then its pictures, then its end with what the next one carries on."""
    job, person = served.ask("a")
    for _ in range(STEPS):
        served.step()
    assert person.over.wait(10)
    assert served.generator.passed == [["a"]] * STEPS
    assert person.got == [1, 2]
    assert job.tail is not None


def test_cancel_takes_effect_within_one_step(served: Served) -> None:
    """The step that runs is the last; there are no pictures of it."""
    job, person = served.ask("a")
    assert served.generator.arrived.acquire(timeout=10)
    job.cancelled = True
    served.generator.let_go.release()
    assert person.over.wait(10)
    assert served.generator.passed == [["a"]]
    assert person.got == []
    assert job.tail is None


def test_who_is_due_soonest_is_served_first(served: Served) -> None:
    """A guided step fills a pass of two rows; whoever is due later waits."""
    served.ask("first", due=0)
    assert served.generator.arrived.acquire(timeout=10)
    late, sooner = served.ask("late", due=9), served.ask("sooner", due=5)
    served.queued(3)
    served.generator.let_go.release()
    for _ in range(3 * STEPS - 1):
        served.step()
    assert late[1].over.wait(10)
    assert sooner[1].over.wait(10)
    assert served.generator.passed == [["first"]] * STEPS + [["sooner"]] * STEPS + [["late"]] * STEPS


def test_plain_steps_share_a_pass() -> None:
    """Windows at different steps go side by side where there is room for their rows."""
    served = Served(CountingGenerator(), rows=4)
    served.ask("a")
    assert served.generator.arrived.acquire(timeout=10)
    _, other = served.ask("b", due=1)
    served.queued(2)
    served.generator.let_go.release()
    for _ in range(STEPS):
        served.step()
    assert other.over.wait(10)
    assert served.generator.passed == [["a"], *[["a", "b"]] * (STEPS - 1), ["b"]]
    served.stage.close()


def test_rows_fall_into_the_sizes_that_there_are_graphs_for() -> None:
    """Where no graph has three rows, two windows wait for each other instead of failing."""
    served = Served(CountingGenerator(sizes=(1, 2, 4)))
    served.ask("a")
    assert served.generator.arrived.acquire(timeout=10)
    _, other = served.ask("b", due=1)
    served.queued(2)
    served.generator.let_go.release()
    for _ in range(2 * STEPS - 1):
        served.step()
    assert other.over.wait(10)
    assert served.generator.passed == [["a"]] * STEPS + [["b"]] * STEPS
    served.stage.close()


def test_a_failure_is_one_window_s(served: Served) -> None:
    """Its owner is told; the others go on."""
    served.generator.broken = "bad"
    bad, victim = served.ask("bad")
    served.step()
    assert victim.over.wait(10)
    assert bad.tail is None
    good, person = served.ask("good")
    for _ in range(STEPS):
        served.step()
    assert person.over.wait(10)
    assert good.tail is not None


def test_a_thread_that_fails_is_told_of(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    """Where a failure is no window's, the log names the thread, the stage has the error, and both threads end."""
    configure_logs("renderer", RendererSettings())

    class Careless(Person):
        def finish(self, job: WindowJob) -> None:
            raise LookupError("nobody is there")

    likeness: Any = "a"
    served.stage.submit(WindowJob(Careless(), likeness, np.zeros(1, np.float32), None, 0.0))
    for _ in range(STEPS):
        served.step()
    assert isinstance(served.stage.failure.exception(timeout=10), LookupError)
    for thread in served.stage._threads:
        thread.join(10)
        assert not thread.is_alive()
    assert "thread=decode" in capsys.readouterr().out


def test_the_start_does_not_wait_for_a_thread_that_failed(served: Served) -> None:
    """The idle loop, which nobody can cancel, is given up with a sentence."""
    served.generator.done = lambda window: [][0]  # type: ignore[method-assign]
    served.generator.let_go.release()
    likeness: Any = SimpleNamespace(portrait=np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(EngineUnavailableError, match="first pictures could not be made"):
        animated(served.stage, likeness, Recipe())
