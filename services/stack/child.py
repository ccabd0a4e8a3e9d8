"""One process of the stack under the supervisor's hand: its start, its output, its end."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from services.stack.environment import ROOT
from services.stack.processes import Process, StackError

LONGEST_LINE = 1 << 20
"""Bytes. What goes on for longer without an end of line is printed in pieces instead of being kept."""


@dataclass(frozen=True, slots=True)
class Death:
    """The end of a process that nobody asked for. `code` is negative where a signal ended it."""

    name: str
    code: int

    def __str__(self) -> str:
        if self.code < 0:
            return f"{self.name} was killed ({signal.Signals(-self.code).name})"
        return f"{self.name} ended with exit status {self.code}"


class Lines:
    """Bytes as they come out of a pipe, cut into lines."""

    def __init__(self) -> None:
        self._begun = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The lines that `data` ends, without their ends."""
        *ended, rest = data.split(b"\n")
        for line in ended:
            yield bytes(self._begun) + line
            self._begun.clear()
        self._begun += rest
        if len(self._begun) > LONGEST_LINE:
            yield from self.end()

    def end(self) -> Iterator[bytes]:
        """The last line, if it has no end of its own."""
        if self._begun:
            yield bytes(self._begun)
            self._begun.clear()


class Child:
    """A running process in a session of its own, so that Ctrl-C in the terminal reaches the supervisor alone."""

    def __init__(self, part: Process, process: asyncio.subprocess.Process, output: asyncio.StreamReader) -> None:
        self.part = part
        self._process = process
        self._output = output

    @classmethod
    async def start(cls, part: Process, env: Mapping[str, str]) -> Self:
        """Raises StackError if the program cannot be run."""
        # A pipe of our own: asyncio's would put off the news of a death until the pipe is closed everywhere, and the
        # dead process may have started another that holds it open.
        ours, theirs = os.pipe()
        output = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(output), os.fdopen(ours, "rb", 0)
        )
        try:
            process = await asyncio.create_subprocess_exec(
                *part.command,
                cwd=ROOT,
                env=env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=theirs,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=death_with_parent(signal.SIGTERM),
            )
        except OSError as error:
            raise StackError(f"{part.name} cannot be started: {error}") from error
        finally:
            os.close(theirs)
        return cls(part, process, output)

    async def lines(self) -> AsyncIterator[bytes]:
        """What it prints, line by line, until its output is closed everywhere."""
        lines = Lines()
        while data := await self._output.read(1 << 16):
            for line in lines.feed(data):
                yield line
        for line in lines.end():
            yield line

    async def death(self) -> Death:
        """How it ended, once it has."""
        return Death(self.part.name, await self._process.wait())

    async def end(self, seconds: float) -> None:
        """Ask it to end; kill it if it has not after `seconds`, and whatever it has started."""
        self._send(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), seconds)
        self.kill()
        await self._process.wait()

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS refuses where only the dead are left
            os.killpg(self._process.pid, number)


def death_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """What a new process has to call so that Linux sends it `number` when its parent ends; elsewhere nothing can be."""
    if sys.platform != "linux":
        return None
    parent, prctl, pr_set_pdeathsig = os.getpid(), ctypes.CDLL(None).prctl, 1

    def ask() -> None:
        prctl(pr_set_pdeathsig, number)
        if os.getppid() != parent:  # it ended before it was asked
            os._exit(1)

    return ask
