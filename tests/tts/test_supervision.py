"""What the service cannot be without: none of it dies unseen."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import httpx
import numpy as np
import pytest

from services.common.background import Background, Work
from services.common.bus import MemoryBus
from services.common.speech import Speech
from services.tts import server
from services.tts.catalog import Catalog
from services.tts.engine import Line, Part, Voice, Written
from services.tts.espeak.engine import EspeakEngine
from services.tts.server import create_app
from services.tts.settings import TtsSettings
from services.tts.speaker import CancelledTurns, Speaker

Break = Callable[[], None]


def breaks_follow_control(patch: pytest.MonkeyPatch) -> Break:
    return _broken(patch, "follow_control")


def breaks_beat(patch: pytest.MonkeyPatch) -> Break:
    return _broken(patch, "beat")


def breaks_the_engine(patch: pytest.MonkeyPatch) -> Break:
    """An engine with a thread of its own, as XTTS has."""
    thread: Future[None] = Future()
    patch.setattr(EspeakEngine, "ended", thread)
    return lambda: thread.set_exception(RuntimeError("out of order"))


def _broken(patch: pytest.MonkeyPatch, function: str) -> Break:
    """The server's function works until it is broken."""
    broken = asyncio.Event()

    async def work(*_: object) -> None:
        await broken.wait()
        raise RuntimeError("out of order")

    patch.setattr(server, function, work)
    return broken.set


KEPT = {"control": breaks_follow_control, "heartbeat": breaks_beat, "espeak engine": breaks_the_engine}


@pytest.mark.parametrize("name", KEPT)
async def test_kept_work_that_fails_makes_the_service_unready(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each piece of it: `/readyz` is 503 at once and names it, and so does the log. There is no other kept work."""
    kept: list[str] = []
    keep = Background.keep

    def counted(self: Background, what: str, work: Work) -> None:
        kept.append(what)
        keep(self, what, work)

    monkeypatch.setattr(Background, "keep", counted)
    KEPT["espeak engine"](monkeypatch)
    break_it = KEPT[name](monkeypatch)
    app = create_app(TtsSettings(tts_engine="espeak"), MemoryBus())
    failed = asyncio.Event()
    app.state.background.when_failed(failed.set)
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://tts") as http:
        assert (await http.get("/readyz")).status_code == 200
        break_it()
        await asyncio.wait_for(failed.wait(), 5)
        answer = await http.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["detail"].startswith(f"{name} failed (RuntimeError)")
    logged = capsys.readouterr().out
    assert name in logged
    assert "out of order" in logged
    assert set(kept) == set(KEPT)


class Unruly:
    """An engine that raises what no engine should, or forgets its last part."""

    name = "unruly"
    at_once: int | None = None
    ended: Future[None] | None = None
    voices: tuple[Voice, ...] = (Voice("unruly", "unruly", "en", "unknown", 24000),)

    def __init__(self, raises: Exception | None) -> None:
        self._raises = raises

    def speak(self, line: Line) -> Iterator[Part]:
        yield Part(np.full(4800, 500, np.int16), (), last=False)
        if self._raises is not None:
            raise self._raises

    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("raises", "says"), [(ZeroDivisionError("a bug"), "a bug"), (None, "unruly ended a line without a last part")]
)
async def test_a_bug_in_a_worker_thread_ends_the_request(raises: Exception | None, says: str) -> None:
    """What a step raises, or a line that just stops, is the request's error; nobody waits for ever."""
    speaker = Speaker(Catalog([Unruly(raises)], "unruly"), CancelledTurns(), 1)
    line = Line((Written("one", "one"),), Unruly.voices[0], 0)

    async def listen() -> list[Speech]:
        return [message async for message in speaker.speak("s", 1, [line], 24000)]

    with pytest.raises((ZeroDivisionError, RuntimeError), match=says):
        await asyncio.wait_for(listen(), 5)
    speaker.close()
