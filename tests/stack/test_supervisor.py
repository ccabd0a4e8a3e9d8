"""Processes that run together and end together, with small programs in the services' place."""

import asyncio
import io
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from services.stack import supervisor
from services.stack.child import Death
from services.stack.console import Console
from services.stack.processes import Process, StackError
from services.stack.supervisor import Supervisor

RUNS_ON = "import time; print('here', flush=True); time.sleep(60)"
IGNORES_SIGTERM = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {RUNS_ON}"
FLOODS = "while True: print('x' * 1000)"


class Screen(io.BytesIO):
    """What was printed so far, and when something was."""

    def __init__(self) -> None:
        super().__init__()
        self.more = asyncio.Event()

    def flush(self) -> None:
        self.more.set()

    def text(self) -> str:
        return self.getvalue().decode()

    async def shows(self, text: str) -> None:
        async with asyncio.timeout(20):
            while text not in self.text():
                self.more.clear()
                await self.more.wait()


class Stage:
    """A supervisor over programs, each `python -c CODE`, that never become ready."""

    def __init__(self, programs: dict[str, str]) -> None:
        self.screen = Screen()
        self.parts = [
            Process(name, (sys.executable, "-c", code), "127.0.0.1", port)
            for port, (name, code) in enumerate(programs.items(), 1)
        ]
        self.supervisor = Supervisor(self.parts, os.environ, Console(self.screen, list(programs)))

    async def run(self, then: Callable[[], None] | None = None, after: tuple[str, ...] = ()) -> Death | None:
        """Run to the end; call `then` once all of `after` is shown."""
        running = asyncio.create_task(self.supervisor.run())
        for text in after:
            await self.screen.shows(text)
        if then:
            then()
        async with asyncio.timeout(30):
            return await running


def ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """After each test no process that it started runs."""
    before = set(psutil.Process().children(recursive=True))  # those of other tests' fixtures
    yield
    assert set(psutil.Process().children(recursive=True)) <= before


async def test_the_first_to_die_is_named() -> None:
    """One that ends ends all, is the one that is named, and its last words are there."""
    stage = Stage({"tts": RUNS_ON, "asr": "import sys; print('no weights', file=sys.stderr); sys.exit(3)"})
    death = await stage.run()
    assert death == Death("asr", 3)
    assert str(death) == "asr ended with exit status 3"
    assert "asr | no weights\n" in stage.screen.text()


async def test_a_killed_one_is_named_with_the_signal() -> None:
    """As the kernel does it when memory is short."""
    stage = Stage({"tts": RUNS_ON, "asr": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"})
    assert str(await stage.run()) == "asr was killed (SIGKILL)"


async def test_ctrl_c_ends_all_in_silence() -> None:
    """There is no death to tell of, and what is said on the way out is not shown."""
    farewell = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit('redis is gone'));" + RUNS_ON
    stage = Stage({"tts": farewell})
    assert await stage.run(ctrl_c, after=("here",)) is None
    assert "redis is gone" not in stage.screen.text()


async def test_one_that_floods_keeps_nobody_from_anything() -> None:
    """Beside a process that prints without an end the others are heard and Ctrl-C is."""
    stage = Stage({"tts": FLOODS, "asr": RUNS_ON})
    begun = time.monotonic()
    assert await stage.run(ctrl_c, after=("asr | here", "tts | x")) is None
    assert time.monotonic() - begun < 20
    flood = [line for line in stage.screen.text().splitlines() if line.startswith("tts")]
    assert set(flood) == {f"tts | {'x' * 1000}"}


async def test_one_that_ignores_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked, waited for, and killed."""
    monkeypatch.setattr(supervisor, "GRACE_SECONDS", 0.5)
    stage = Stage({"tts": IGNORES_SIGTERM})
    assert await stage.run(ctrl_c, after=("here",)) is None


async def test_a_second_ctrl_c_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who presses it again gets the end at once."""
    monkeypatch.setattr(supervisor, "GRACE_SECONDS", 25)
    stage = Stage({"tts": IGNORES_SIGTERM})
    begun = time.monotonic()
    asyncio.get_running_loop().call_later(4, ctrl_c)
    assert await stage.run(ctrl_c, after=("here",)) is None
    assert time.monotonic() - begun < 20


async def test_what_a_dead_one_has_started_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its death is news although another process holds its output open, and that one ends too."""
    monkeypatch.setattr(supervisor, "LAST_WORDS_SECONDS", 0.2)
    start = f"import subprocess, sys; other = subprocess.Popen([sys.executable, '-c', {RUNS_ON!r}])"
    stage = Stage({"renderer": f"{start}; print('started', other.pid, flush=True); sys.exit(4)", "asr": RUNS_ON})
    assert await stage.run() == Death("renderer", 4)
    found = re.search(r"started (\d+)", stage.screen.text())
    assert found
    left = [p for p in psutil.process_iter() if p.pid == int(found[1]) and p.status() != psutil.STATUS_ZOMBIE]
    _, alive = psutil.wait_procs(left, timeout=5)
    assert alive == []


async def test_a_program_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    """It is named with the reason, and what had started already ends."""
    stage = Stage({"tts": RUNS_ON})
    gateway = Process("sfu-gateway", (str(tmp_path / "sfu-gateway"),), "127.0.0.1", 1)
    supervisor = Supervisor([*stage.parts, gateway], os.environ, Console(stage.screen, ["tts", "sfu-gateway"]))
    with pytest.raises(StackError, match=r"^sfu-gateway cannot be started: .*No such file"):
        await supervisor.run()


async def test_where_nobody_reads_all_end() -> None:
    """A closed pipe, as after `make up | head`, is the end."""
    ours, theirs = os.pipe()
    os.close(ours)
    with os.fdopen(theirs, "wb", 0) as out:
        tts = Process("tts", (sys.executable, "-c", RUNS_ON), "127.0.0.1", 1)
        with pytest.raises(BrokenPipeError):
            await Supervisor([tts], os.environ, Console(out, ["tts"])).run()


async def test_one_that_is_not_ready_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while the line says who is not there; the rest is waited for all the same."""
    monkeypatch.setattr(supervisor, "START_SECONDS", 0.2)
    stage = Stage({"tts": RUNS_ON})
    assert await stage.run(ctrl_c, after=("Not ready after 0.2 s: tts.",)) is None
