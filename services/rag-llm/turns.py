"""Running answers by session and turn, so that a cancel on the bus ends them."""

import asyncio
from collections.abc import AsyncGenerator

import anyio

from services.common.answering import AnswerEvent


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
