"""Preemptive generation: a turn that runs while the person may still go on. If they are done it is adopted, else it is
gone without a trace."""

import asyncio
import re
from collections.abc import Callable

from services.orchestrator_api.lib.conversation.turn import Turn

Running = tuple[Turn, asyncio.Task[None]]


class PreemptiveGeneration:
    """At most one turn that runs and has not begun. `run` starts its task."""

    def __init__(self, run: Callable[[Turn], asyncio.Task[None]]) -> None:
        self._run = run
        self._running: Running | None = None

    def answers(self, question: str) -> bool:
        """Whether the turn answers this: case and punctuation of what is heard may change until the end."""
        return self._running is not None and _bare(self._running[0].question) == _bare(question)

    async def begin(self, turn: Turn) -> None:
        """Run this turn, and discard the one before it."""
        await self.discard()
        self._running = turn, self._run(turn)

    def adopt(self, question: str) -> Running | None:
        """The turn that answers this, from now on the caller's; None if there is no such turn."""
        adopted = self._running if self.answers(question) else None
        if adopted:
            self._running = None
        return adopted

    async def discard(self) -> None:
        """Its streams are closed when this returns; nobody has heard or seen anything of it."""
        if self._running:
            (_, task), self._running = self._running, None
            task.cancel()
            await asyncio.wait([task])

    def gave_up(self, turn: Turn) -> bool:
        """The turn has ended: whether nobody had asked for it yet. Then its failure need not be told, and the question
        is tried again once it is asked."""
        preemptive = self._running is not None and self._running[0] is turn
        if preemptive:
            self._running = None
        return preemptive


def _bare(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())
