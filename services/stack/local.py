"""The stack in a program's hand: on free ports, each process killed and started at will. For tests and benchmarks."""

import random
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from services.stack.environment import ROOT, environment
from services.stack.processes import Process, StackError, processes


class Stack(ABC):
    """A context manager: entered it starts everything; left, or where it does not start, it leaves nothing behind."""

    parts: dict[str, Process]

    @property
    def url(self) -> str:
        """The orchestrator's address: the page and the public API."""
        return self.parts["orchestrator-api"].url

    @abstractmethod
    def start(self, *names: str) -> None: ...

    @abstractmethod
    def stop(self) -> None: ...

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()


class LocalStack(Stack):
    """All processes, with their logs in `folder`."""

    def __init__(self, folder: Path, overrides: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        overrides = {"INDEX_DIR": str(folder / "index")} | dict(overrides or {})
        self.env, parts = on_free_ports(overrides)
        self.parts = {part.name: part for part in parts}
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *names: str) -> None:
        """Start these processes, or all; return when all that run are ready. Raises StackError if one is not."""
        for name in names or self.parts:
            part = self.parts[name]
            with (self.folder / f"{name}.log").open("ab") as log:
                self.running[name] = subprocess.Popen(
                    part.command, cwd=ROOT, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
        self.wait_ready()

    def wait_ready(self, seconds: float = 60) -> None:
        """Wait until every process that runs is ready."""
        deadline = time.monotonic() + seconds
        waiting = [self.parts[name] for name in self.running]
        while waiting:
            waiting = [part for part in waiting if not part.ready()]
            for name, process in self.running.items():
                if process.poll() is not None:
                    raise StackError(f"{name} ended with {process.returncode}:\n{self.log(name)}")
            if time.monotonic() > deadline:
                raise StackError(f"not ready: {waiting[0].name}:\n{self.log(waiting[0].name)}")
            time.sleep(0.05)

    def kill(self, name: str, with_signal: signal.Signals = signal.SIGKILL) -> None:
        """End one process, at once unless another signal is given, and wait until it is gone."""
        process = self.running.pop(name)
        process.send_signal(with_signal)
        process.wait(10)

    def pid(self, name: str) -> int:
        return self.running[name].pid

    def log(self, name: str) -> str:
        """The end of what a process printed."""
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace")[-4000:] if path.exists() else ""

    def stop(self) -> None:
        """End everything."""
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.running.clear()


def on_free_ports(overrides: Mapping[str, str], tries: int = 50) -> tuple[dict[str, str], list[Process]]:
    """An environment whose PORT_OFFSET makes every port a free one below the range of outgoing connections."""
    for _ in range(tries):
        env = environment(dict(overrides) | {"PORT_OFFSET": str(random.randrange(10_000, 22_000, 10))})
        parts = processes(env)
        if not any(part.taken_port() for part in parts):
            return env, parts
    raise StackError("no block of free ports was found; stop other copies of the stack")
