"""Running answers by session and turn: a cancel on the bus ends them, and so does a caller who goes away."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from typing import Any, TypeVar

import anyio
from fastapi import Request

from services.common.answering import AnswerEvent
from services.common.errors import Problem

Result = TypeVar("Result")


class Turns:
    """Only what runs is remembered: the connection that carries an answer is the one place where it can go on."""

    def __init__(self) -> None:
        self._running: dict[tuple[str, int], list[asyncio.Event]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._running.values()))

    def cancel(self, session: str, turn: int | None = None) -> None:
        """End the session's answers of turns up to this one; without a turn, all of them."""
        for (running, number), ended in self._running.items():
            if running == session and (turn is None or number <= turn):
                for event in ended:
                    event.set()

    async def until_cancelled(
        self, session: str, turn: int, events: AsyncGenerator[AnswerEvent]
    ) -> AsyncGenerator[AnswerEvent]:
        """The events, until the turn is cancelled; then nothing more, and the work behind them is stopped."""
        ended = asyncio.Event()
        self._running.setdefault((session, turn), []).append(ended)
        cancelled = asyncio.ensure_future(ended.wait())
        step: asyncio.Future[AnswerEvent | None] | None = None
        try:
            while True:
                step = asyncio.ensure_future(anext(events, None))
                await asyncio.wait((step, cancelled), return_when=asyncio.FIRST_COMPLETED)
                if cancelled.done() or (event := step.result()) is None:
                    return
                yield event
        finally:
            running = self._running[(session, turn)]
            running.remove(ended)
            if not running:
                del self._running[(session, turn)]
            # The client may be gone, and this task cancelled with it: stopping the work must still come to its end.
            with anyio.CancelScope(shield=True):
                tasks = [task for task in (step, cancelled) if task]
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
                await events.aclose()


async def unless_gone(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """The work's result. A caller who goes away meanwhile ends the work; raises `Problem`, which nobody reads."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(gone())
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise Problem(408, "The caller went away before the answer was complete.")
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.wait((working, leaving))
