"""The heartbeat that every service gives."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from pydantic import BaseModel

from services.common import heartbeat
from services.common.bus import MemoryBus
from services.common.messages import SERVICES_CHANNEL, Heartbeat


class Flaky(MemoryBus):
    """Away for its first message."""

    async def publish(self, channel: str, message: BaseModel) -> bool:
        if not getattr(self, "back", False):
            self.back = True
            return False
        return await super().publish(channel, message)


@pytest.mark.parametrize("bus", [MemoryBus(), Flaky()])
async def test_it_tells_how_things_stand_at_each_beat(bus: MemoryBus, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each beat is asked for anew, and a bus that is away for one of them has the next."""
    monkeypatch.setattr(heartbeat, "HEARTBEAT_S", 0)
    busy = iter(range(1000))
    heard: AsyncIterator[tuple[str, str]] = bus.subscribe(SERVICES_CHANNEL)
    first = asyncio.ensure_future(anext(heard))
    await asyncio.sleep(0)
    beating = asyncio.create_task(
        heartbeat.beat(bus, lambda: Heartbeat(service="tts", instance="a", sessions=next(busy)))
    )
    async with asyncio.timeout(10):
        beats = [Heartbeat.model_validate_json((await first)[1])]
        beats += [Heartbeat.model_validate_json((await anext(heard))[1]) for _ in range(2)]
    beating.cancel()
    missed = int(isinstance(bus, Flaky))
    assert [beat.sessions for beat in beats] == [missed, missed + 1, missed + 2]
