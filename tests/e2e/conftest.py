"""One stack for all end-to-end tests: every service as a process or a container, on free ports."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.e2e.stack import COMPOSE, Stack, open_stack
from tests.viewer import Viewer, eventually

collect_ignore = [] if COMPOSE else ["test_containers.py"]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with open_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture
async def viewer(stack: Stack) -> AsyncIterator[Viewer]:
    """A viewer of a session of its own, that already sees the face."""
    async with Viewer(stack.url) as viewer:
        await eventually(lambda: viewer.video.samples and viewer.audio.samples, why="no picture or no sound")
        yield viewer
        await viewer.http.delete(f"/session/{viewer.session}", headers={"Authorization": f"Bearer {viewer.token}"})
