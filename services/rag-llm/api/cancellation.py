"""What ends an answer before its own end: a cancel on the bus, or a caller who goes away."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from typing import Any, TypeVar

import anyio
from fastapi import Request

from services.common.answering import AnswerEvent
from services.common.errors import Problem

Result = TypeVar("Result")


class RunningAnswers:
    """The answers under way, by session and turn. Only what runs is remembered: an answer can go on nowhere but on the
    connection that carries it."""

    def __init__(self) -> None:
        self._running: dict[tuple[str, int], list[_Running]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._running.values()))

    def cancel(self, session: str, turn: int | None = None) -> None:
        """End the session's answers of turns up to this one; without a turn, all of them."""
        for (running, number), answers in self._running.items():
            if running == session and (turn is None or number <= turn):
                for answer in answers:
                    answer.cancel()

    async def until_cancelled(
        self, session: str, turn: int, events: AsyncGenerator[AnswerEvent]
    ) -> AsyncGenerator[AnswerEvent]:
        """The events, until the turn is cancelled; then nothing more, and the work behind them is stopped."""
        answer = _Running()
        self._running.setdefault((session, turn), []).append(answer)
        try:
            while (event := await answer.next_of(events)) is not None:
                yield event
        finally:
            answers = self._running[(session, turn)]
            answers.remove(answer)
            if not answers:
                del self._running[(session, turn)]
            # The caller may be gone, and this task cancelled with it: stopping the work must still come to its end.
            with anyio.CancelScope(shield=True):
                await events.aclose()


class _Running:
    """One answer. What its next event waits for is ended by a timeout that comes when the answer is cancelled."""

    def __init__(self) -> None:
        self._cancelled = False
        self._waiting: asyncio.Timeout | None = None

    def cancel(self) -> None:
        if not self._cancelled and self._waiting:
            self._waiting.reschedule(0)
        self._cancelled = True

    async def next_of(self, events: AsyncGenerator[AnswerEvent]) -> AnswerEvent | None:
        """The next event; None after the last one, or if the answer is cancelled first."""
        if self._cancelled:
            return None
        try:
            async with asyncio.timeout(None) as self._waiting:
                return await anext(events, None)
        except TimeoutError:
            if self._cancelled:
                return None
            raise
        finally:
            self._waiting = None


async def unless_gone(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """The work's result. A caller who goes away meanwhile ends the work, with a `Problem` 408 that nobody reads."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    try:
        async with asyncio.TaskGroup() as tasks:
            working, leaving = tasks.create_task(work), tasks.create_task(gone())
            working.add_done_callback(lambda _: leaving.cancel())
            leaving.add_done_callback(lambda _: working.cancel())
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    if working.cancelled():
        raise Problem(408, "The caller went away before the answer was complete.")
    return working.result()
