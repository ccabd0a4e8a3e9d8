"""The sessions that are listened to."""

import asyncio
from collections.abc import Iterator

import httpx

from services.asr.echo.text import OwnWords
from services.asr.sessions.transcriber import Ear, NewHearing
from services.common.background import Background
from services.common.bus import Bus
from services.common.errors import Problem
from services.common.messages import Close, Control
from services.common.whip import Target


class Roster:
    """At most `capacity` ears."""

    def __init__(
        self, http: httpx.AsyncClient, bus: Bus, capacity: int, new_hearing: NewHearing, background: Background
    ) -> None:
        self.capacity, self._background = capacity, background
        self._http, self._bus, self._new_hearing = http, bus, new_hearing
        self._ears: dict[str, Ear] = {}

    def __iter__(self) -> Iterator[Ear]:
        return iter([ear for ear in self._ears.values() if ear.state != "ended"])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def open(self, session: str, target: Target) -> tuple[Ear, bool]:
        """(the ear, whether it is new). One that listens already takes the new target when it has to join again.

        Raises `Problem` 503 if all places are taken.
        """
        ear = self._ears.get(session)
        if ear is not None and ear.state != "ended":
            ear.target = target
            return ear, False
        if len(self) >= self.capacity:
            raise Problem(
                503,
                f"All {self.capacity} places of this asr are taken; end a session or raise ASR_SESSIONS.",
                headers={"Retry-After": "5"},
            )
        self._ears = {name: ear for name, ear in self._ears.items() if ear.state != "ended"}
        ear = self._ears[session] = Ear(session, target, self._http, self._bus, self._new_hearing)
        ear.start(self._background)
        return ear, True

    def own_words(self, session: str) -> OwnWords:
        """What the avatar says there. Raises `Problem` 404."""
        return self._get(session).hearing.own_words

    async def end(self, session: str) -> None:
        """Raises `Problem` 404."""
        ear = self._get(session)
        del self._ears[session]
        await ear.close()

    async def close(self) -> None:
        """End all of them."""
        ears, self._ears = list(self._ears.values()), {}
        await asyncio.gather(*(ear.close() for ear in ears))

    async def obey(self, order: Control) -> None:
        """End the session that is over. Raises `Problem` 404."""
        if isinstance(order, Close):
            await self.end(order.session)

    def _get(self, session: str) -> Ear:
        ear = self._ears.get(session)
        if ear is None or ear.state == "ended":
            raise Problem(404, f"session: asr does not listen to {session}; open it with POST /v1/sessions.")
        return ear
