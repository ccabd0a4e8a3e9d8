"""What all sessions share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from services.orchestrator_api.lib.bus import EventPublisher
from services.orchestrator_api.lib.upstream.services import Services
from services.orchestrator_api.lib.upstream.transcription import AsrLink


class Timer(Protocol):
    """`asyncio.TimerHandle`, and what tests put in its place."""

    def cancel(self) -> None:
        """It does not go off any more."""
        ...


After = Callable[[float, Callable[[], None]], Timer]
"""Calls back so many seconds later, unless it is cancelled."""


@dataclass(frozen=True, slots=True)
class Context:
    """`clock`: steady seconds. `buffer_ms`: how much speech may wait at the renderer."""

    services: Services
    publisher: EventPublisher
    transcription: AsrLink
    clock: Callable[[], float]
    after: After
    buffer_ms: float
