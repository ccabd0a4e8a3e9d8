"""What the log says while the orchestrator starts, where it has an address to tell."""

import asyncio

import structlog

from services.common.service import Check
from services.orchestrator_api.app import announce


async def test_it_tells_what_is_waited_for_and_then_what_to_open() -> None:
    """A line for each change of what is missing, however often it is looked; the address last, once."""
    away = {"redis": True, "tts": True}
    looked = 0

    def check(name: str) -> Check:
        async def missing() -> str | None:
            nonlocal looked
            looked += 1
            return "does not answer" if away[name] else None

        return missing

    async def looks(count: int) -> None:
        until = looked + 2 * count
        while looked < until:
            await asyncio.sleep(0)

    with structlog.testing.capture_logs() as logs:
        task = asyncio.create_task(announce("http://here", {name: check(name) for name in away}, every_s=0))
        await looks(3)
        away["redis"] = False
        await looks(3)
        away["tts"] = False
        await task
    assert [line["event"] for line in logs] == [
        "waiting for redis, tts; GET /readyz says why",
        "waiting for tts; GET /readyz says why",
        "FlashbackAvatars is ready: open http://here",
    ]


async def test_without_an_address_it_tells_nothing() -> None:
    """Under `make up`, which says it itself."""
    with structlog.testing.capture_logs() as logs:
        await announce("", {})
    assert logs == []
