"""Runs the processes of the stack together: when one ends, or Ctrl-C is pressed, all end."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Mapping, Sequence

from services.stack.child import Child, Death
from services.stack.console import Console
from services.stack.processes import Process

START_SECONDS = 60
"""How long the whole usually takes to become ready; the face is drawn anew within this where its cache is gone. A GPU
engine that compiles takes longer, and is waited for."""

GRACE_SECONDS = 5
"""How long a process may take to end before it is killed."""

REDIS_SECONDS = 2
"""How long the rest waits for Redis."""

LAST_WORDS_SECONDS = 1
"""How long the output of a dead process is waited for, where something that it has started holds it open."""


class Supervisor:
    """Starts `parts` in their order and prints what they say to `console`. One run each."""

    def __init__(self, parts: Sequence[Process], env: Mapping[str, str], console: Console) -> None:
        self._parts, self._env, self._console = parts, env, console
        self._children: list[Child] = []
        self._deaths: list[Death] = []
        self._over = asyncio.Event()

    async def run(self) -> Death | None:
        """Returns when nothing runs any more: the death that was the reason, or None after SIGINT or SIGTERM.

        Raises StackError if a program cannot be run, and BrokenPipeError where nobody reads what is printed any more.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._interrupt)
        try:
            return await self._run()
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None

    async def _run(self) -> Death | None:
        async with asyncio.TaskGroup() as tasks:
            opening = tasks.create_task(self._open(tasks))
            try:
                await self._over.wait()
                return self._deaths[0] if self._deaths else None
            finally:
                opening.cancel()
                await asyncio.wait([opening])
                # What they say while they end together, such as that Redis is gone, is no news.
                self._console.muted = True
                await asyncio.gather(*(child.end(GRACE_SECONDS) for child in self._children))

    def _interrupt(self) -> None:
        if self._over.is_set():  # who presses Ctrl-C again does not want to wait
            for child in self._children:
                child.kill()
        self._over.set()

    async def _open(self, tasks: asyncio.TaskGroup) -> None:
        for part in self._parts:
            child = await Child.start(part, self._env)
            self._children.append(child)
            tasks.create_task(self._watch(child, tasks.create_task(self._show(child))))
            if part.name == "redis":
                # Comes up in an instant; without it everybody's first words would be that it is away.
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(until_ready(part), REDIS_SECONDS)
        await self._announce()

    async def _show(self, child: Child) -> None:
        async for line in child.lines():
            # Redis talks of kernel settings at every start, on a level that cannot be chosen.
            if child.part.name != "redis":
                self._console.line(child.part.name, line)

    async def _watch(self, child: Child, output: asyncio.Task[None]) -> None:
        self._deaths.append(await child.death())
        await asyncio.wait([output], timeout=LAST_WORDS_SECONDS)
        output.cancel()
        self._over.set()

    async def _announce(self) -> None:
        """A line for each process as it becomes ready, then the address."""
        begun = time.monotonic()
        say = self._console.say

        async def tell(part: Process) -> None:
            await until_ready(part)
            say(f"{part.name} is ready on port {part.port} ({time.monotonic() - begun:.1f} s)")

        async with asyncio.TaskGroup() as group:
            telling = {group.create_task(tell(part)): part for part in self._parts}
            _, late = await asyncio.wait(telling, timeout=START_SECONDS)
            if late:
                names = ", ".join(part.name for task, part in telling.items() if task in late)
                say(f"Not ready after {START_SECONDS} s: {names}. Its lines above say why. Ctrl-C stops everything.")
        say("")
        say(f"FlashbackAvatars is ready: open {self._parts[-1].url.replace('127.0.0.1', 'localhost')}")
        say("Ctrl-C stops everything.")
        say("")


async def until_ready(part: Process) -> None:
    while not await asyncio.to_thread(part.ready):  # noqa: ASYNC110  # another process sets no event here
        await asyncio.sleep(0.05)
