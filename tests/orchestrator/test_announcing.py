"""What the log says while the orchestrator starts, where it has an address to tell."""

from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
import structlog

from services.common.service import Check
from services.orchestrator_api.lib.web.announcing import announce

Lines = list[MutableMapping[str, Any]]


@pytest.fixture
def logs() -> Iterator[Lines]:
    """What is logged, whatever level a service that another test started has set."""
    before = structlog.get_config()
    structlog.reset_defaults()
    with structlog.testing.capture_logs() as logs:
        yield logs
    structlog.configure(**before)


async def test_it_tells_what_is_waited_for_and_then_what_to_open(logs: Lines) -> None:
    """A line for each change of what is missing, however often it is looked; the address last, once."""
    missing_at = {"redis": 3, "tts": 6}  # looks at which each is still away

    def check(name: str) -> Check:
        looks = iter(range(10))

        async def missing() -> str | None:
            return "does not answer" if next(looks) < missing_at[name] else None

        return missing

    await announce("http://here", {name: check(name) for name in missing_at}, every_s=0)
    assert [line["event"] for line in logs] == [
        "waiting for redis, tts; GET /readyz says why",
        "waiting for tts; GET /readyz says why",
        "FlashbackAvatars is ready: open http://here",
    ]


async def test_without_an_address_it_tells_nothing(logs: Lines) -> None:
    """Under `make up`, which says it itself."""
    await announce("", {})
    assert logs == []
