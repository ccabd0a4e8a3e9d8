"""One build of the gateway for all its tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.gateway.peers import Gateway, build, environment


@pytest.fixture(scope="session")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("gateway"))


@pytest.fixture
async def gateway(binary: Path) -> AsyncIterator[Gateway]:
    async with Gateway.running(binary, environment()) as running:
        yield running
