"""What a session and its conversation find around them."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from services.common.messages import Event
from services.orchestrator_api.lib.bus import Publisher, Registry
from services.orchestrator_api.lib.conversation.listening import Timer
from services.orchestrator_api.lib.upstream.services import Services
from services.orchestrator_api.lib.upstream.tts import Voice

After = Callable[[float, Callable[[], None]], Timer]
"""Calls back so many seconds later, unless it is cancelled."""


class Mouthpiece(Protocol):
    """Who has to know what the avatar says."""

    def saying(self, session: str, turn: int, text: str) -> None:
        """These words sound about now; none: it is silent."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all sessions share. `clock`: steady seconds."""

    services: Services
    publisher: Publisher
    registry: Registry
    ears: Mouthpiece
    clock: Callable[[], float]
    after: After
    buffer_ms: float


class Host(Protocol):
    """The session that the conversation belongs to."""

    id: str
    voice: Voice | None

    def tell(self, event: Event) -> None:
        """Tell everybody."""
        ...

    def changed(self) -> None:
        """The state is another one: tell everybody."""
        ...

    def post(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do it after what is being done."""
        ...

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do it beside what is being done, for as long as the session lives."""
        ...
