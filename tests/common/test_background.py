"""Background work: none of it dies unseen."""

import asyncio
import socket
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from urllib.request import urlopen

import httpx
import pytest
from fastapi import FastAPI

from services.common.background import Background
from services.common.logs import configure_logs
from services.common.service import BACKGROUND_FAILED, create_service
from services.common.settings import Settings


async def fails() -> None:
    raise RuntimeError("out of order")


async def returns() -> None:
    return


async def forever() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(("work", "said"), [(fails, "RuntimeError"), (returns, "ended")])
async def test_kept_work_that_ends_makes_the_service_unready(
    work: Callable[[], Coroutine[None, None, None]], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Raised or returned: `/readyz` is 503 at once and names the work, the log names it too, and the rest goes on."""
    ended = asyncio.Event()

    @asynccontextmanager
    async def lifespan(_: FastAPI, background: Background) -> AsyncIterator[None]:
        background.when_failed(ended.set)
        async with background:
            background.keep("the clockwork", work())
            background.keep("the other", forever())
            yield

    app = create_service("sample", Settings(), lifespan=lifespan)
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://s") as http:
        await asyncio.wait_for(ended.wait(), 5)
        answer = await http.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["detail"].startswith("the clockwork ")
    assert said in answer.json()["detail"]
    logged = capsys.readouterr().out
    assert "work='the clockwork'" in logged
    assert "the other" not in logged


async def test_spawned_work_that_fails_disturbs_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    """It is logged with its name, who has to know is told, and the service stays ready."""
    configure_logs("sample", Settings())
    told = asyncio.Event()
    async with Background() as background:
        background.spawn("session 7", fails(), failed=told.set)
        other = background.spawn("session 8", forever())
        await asyncio.wait_for(told.wait(), 5)
        assert background.failure is None
        assert not other.done()
    assert other.cancelled()
    logged = capsys.readouterr().out
    assert "session 7" in logged
    assert "out of order" in logged
    assert "session 8" not in logged


async def test_a_failure_that_nobody_could_be_told_of_ends_the_service(capsys: pytest.CaptureFixture[str]) -> None:
    """What `failed` raises is named too, and other work is not cancelled by it."""

    def cannot_be_told() -> None:
        raise KeyError("session 7")

    configure_logs("sample", Settings())
    ended = asyncio.Event()
    async with Background() as background:
        background.when_failed(ended.set)
        background.spawn("session 7", fails(), failed=cannot_be_told)
        other = background.spawn("session 8", forever())
        await asyncio.wait_for(ended.wait(), 5)
        assert not other.done()
    assert background.failure is not None
    assert "session 7 failed (KeyError)" in background.failure
    assert "out of order" in capsys.readouterr().out


async def test_work_that_is_left_is_over() -> None:
    """What still runs when the service stops has ended, in order, when the context is left; that is no failure."""
    ends: list[str] = []

    async def lasting(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ends.append(name)

    async with Background() as background:
        background.keep("one", lasting("one"))
        background.spawn("two", lasting("two"))
        await asyncio.sleep(0)
    assert sorted(ends) == ["one", "two"]
    assert background.failure is None


def test_the_process_ends_with_an_error() -> None:
    """A served app whose kept work fails exits with its own status, so that a supervisor starts it anew."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = f"""
        import asyncio
        from contextlib import asynccontextmanager
        from services.common.service import create_service, serve
        from services.common.settings import Settings

        broken = asyncio.Event()

        async def work():
            await broken.wait()
            raise RuntimeError("out of order")

        @asynccontextmanager
        async def lifespan(app, background):
            async with background:
                background.keep("the clockwork", work())
                yield

        app = create_service("sample", Settings(), lifespan=lifespan)

        @app.get("/break")
        async def break_it():
            broken.set()

        serve(app, Settings(port_offset=0), {port})
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE) as process:
        while process.poll() is None:
            try:
                with urlopen(f"http://127.0.0.1:{port}/break", timeout=5):
                    break
            except OSError:
                continue
        out, _ = process.communicate(timeout=30)
    assert process.returncode == BACKGROUND_FAILED
    assert b"the clockwork" in out
    assert b"out of order" in out
