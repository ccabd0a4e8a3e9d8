"""The index follows the folder by itself, whatever becomes of the folder."""

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import pytest
import watchfiles
from watchfiles._rust_notify import WatchfilesRustInternalError

from services.common.bus import MemoryBus
from services.rag_llm.index import live, watching
from services.rag_llm.index.watching import changes, counts
from services.rag_llm.server import create_app
from services.rag_llm.settings import Config, RagSettings
from tests.rag.live import PATIENCE_S, listening, ready, until

SETTLE_MS = 50


async def arrives(found: AsyncIterator[None]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        await anext(found)


async def test_every_kind_of_change_is_noticed(tmp_path: Path) -> None:
    """Files added, changed, renamed and removed, in new folders as well, and a folder that is removed whole."""
    async with aclosing(changes(tmp_path, SETTLE_MS, tmp_path / "index")) as found:
        await arrives(found)  # it is watched
        (tmp_path / "a.md").write_text("One.")
        await arrives(found)
        (tmp_path / "a.md").write_text("Two.")
        await arrives(found)
        (tmp_path / "a.md").rename(tmp_path / "b.md")
        await arrives(found)
        (tmp_path / "sub").mkdir()
        await arrives(found)
        (tmp_path / "sub" / "c.md").write_text("Three.")
        await arrives(found)
        (tmp_path / "sub").rename(tmp_path / "other")
        await arrives(found)
        (tmp_path / "b.md").unlink()
        await arrives(found)


async def test_a_folder_that_comes_and_goes(tmp_path: Path) -> None:
    """It may be missing at the start, vanish and come back: each time it is there, it is watched."""
    folder = tmp_path / "corpus"
    async with aclosing(changes(folder, SETTLE_MS, tmp_path / "index")) as found:
        for _ in range(2):
            waiting = asyncio.ensure_future(anext(found))
            folder.mkdir()
            async with asyncio.timeout(PATIENCE_S):
                await waiting
            (folder / "a.md").write_text("One.")
            await arrives(found)
            (folder / "a.md").unlink()
            await arrives(found)
            folder.rmdir()


async def test_a_folder_that_cannot_be_watched_is_looked_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system has no watches left, changes are found all the same."""

    def awatch(*paths: Path, force_polling: bool, **options: Any) -> AsyncGenerator[Any]:
        if not force_polling:
            raise WatchfilesRustInternalError("OS file watch limit reached")
        return watchfiles.awatch(*paths, force_polling=True, poll_delay_ms=20, **options)

    monkeypatch.setattr(watching, "awatch", awatch)
    async with aclosing(changes(tmp_path, SETTLE_MS, tmp_path / "index")) as found:
        await arrives(found)
        (tmp_path / "a.md").write_text("One.")
        await arrives(found)


@pytest.mark.parametrize(
    ("path", "does"),
    [
        ("/c/a.md", True),
        ("/c/sub/a.md", True),
        ("/c", True),
        ("/c/.a.md.swp", False),
        ("/c/.git/index", False),
        ("/c/index/lock", False),
        ("/elsewhere/a.md", False),
    ],
)
def test_what_counts(path: str, does: bool) -> None:
    """Hidden files and the index itself change without anything to read."""
    assert counts(Path(path), Path("/c"), Path("/c/index")) is does


@pytest.fixture
async def following(settings: RagSettings, bus: MemoryBus, config: Config) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service that follows its folder."""
    ingest = config.ingest.model_copy(update={"watch": True, "watch_settle_ms": SETTLE_MS})
    async with (
        listening(create_app(settings, bus, config.model_copy(update={"ingest": ingest}))) as address,
        httpx.AsyncClient(base_url=address, timeout=20) as client,
    ):
        await ready(client)
        yield client


async def sources(client: httpx.AsyncClient, query: str) -> list[str]:
    response = await client.post("/v1/search", json={"query": query, "k": 3})
    assert response.status_code == 200
    return [result["source"] for result in response.json()["results"]]


async def test_a_running_service_follows(following: httpx.AsyncClient, settings: RagSettings) -> None:
    """A document is found soon after it was put there, by its new name when it is renamed, and not when it is gone."""
    query = "How tall is the Meteor?"

    async def finds(source: str) -> bool:
        return source in await sources(following, query)

    (settings.corpus_dir / "meteor.md").write_text("# Meteor\n\nThe Meteor is 31 centimetres tall.\n")
    await until(lambda: finds("meteor.md"))
    (settings.corpus_dir / "meteor.md").rename(settings.corpus_dir / "star.md")
    await until(lambda: finds("star.md"))
    assert "meteor.md" not in await sources(following, query)
    (settings.corpus_dir / "star.md").unlink()

    async def forgotten() -> bool:
        return not await finds("star.md")

    await until(forgotten)


async def test_a_folder_that_vanishes_while_serving(following: httpx.AsyncClient, settings: RagSettings) -> None:
    """What was read stays known, reading says what is wrong, and new documents are read when the folder is back."""
    away = settings.corpus_dir.with_name("away")
    settings.corpus_dir.rename(away)
    refused = await following.post("/v1/ingest")
    assert refused.status_code == 409
    assert refused.json()["detail"].startswith("There is no folder")
    assert "rocket.md" in await sources(following, "How much does the Rocket weigh?")
    (away / "meteor.md").write_text("# Meteor\n\nThe Meteor is 31 centimetres tall.\n")
    away.rename(settings.corpus_dir)

    async def found() -> bool:
        return "meteor.md" in await sources(following, "How tall is the Meteor?")

    await until(found)


async def test_a_failure_is_not_the_end_of_following(
    following: httpx.AsyncClient, settings: RagSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong with a new document, the service lives and reads the next ones."""
    failed = threading.Event()

    def fail(*_: object) -> None:
        failed.set()
        raise ZeroDivisionError("surprise")

    with monkeypatch.context() as patched:
        patched.setattr(live, "ingest", fail)
        (settings.corpus_dir / "meteor.md").write_text("# Meteor\n\nThe Meteor is 31 centimetres tall.\n")
        assert await asyncio.to_thread(failed.wait, PATIENCE_S)
    (settings.corpus_dir / "star.md").write_text("# Star\n\nThe Star is 12 centimetres tall.\n")

    async def found() -> bool:
        return "meteor.md" in await sources(following, "How tall is the Meteor?")

    await until(found)


async def test_it_can_be_turned_off(client: httpx.AsyncClient, settings: RagSettings) -> None:
    """With `watch: false`, as in the other tests, documents are read when that is asked for."""
    (settings.corpus_dir / "meteor.md").write_text("# Meteor\n\nThe Meteor is 31 centimetres tall.\n")
    assert (await client.post("/v1/ingest")).json()["added"] == 1
