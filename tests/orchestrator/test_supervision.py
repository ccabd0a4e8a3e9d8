"""Background work that fails: what the service cannot be without, what belongs to one session, what to one socket."""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from services.common.background import Background
from services.common.bus import RedisBus
from services.common.messages import SERVICES_CHANNEL
from services.common.utterances import SpeechStarted
from services.orchestrator_api.lib.bus import Registry
from services.orchestrator_api.lib.conversation.conversation import Conversation
from services.orchestrator_api.lib.conversation.turn import Turn
from services.orchestrator_api.lib.upstream.asr import Asr
from services.orchestrator_api.lib.upstream.gateway import Gateway
from services.orchestrator_api.lib.upstream.renderer import Renderer
from tests.orchestrator.conftest import Page, Stack
from tests.orchestrator.fakes import OFFER
from tests.orchestrator.serving import until
from tests.orchestrator.speaking import transcribed

Concerns = Callable[..., bool]


def always(*_: Any) -> bool:
    return True


def beats(_: RedisBus, channel: str, *__: Any) -> bool:
    return channel == SERVICES_CHANNEL


def events(_: RedisBus, channel: str, *__: Any) -> bool:
    return channel != SERVICES_CHANNEL


KEPT: dict[str, tuple[type, str, Concerns]] = {
    "publishing": (RedisBus, "publish", events),
    "heartbeat": (RedisBus, "publish", beats),
    "watching for viewers": (Gateway, "viewers", always),
    "receiving utterances": (Conversation, "hear", always),
    "placing asr": (Asr, "listen", always),
    "telling asr what the avatar says": (Asr, "spoken", always),
}
"""What the service cannot be without, and a call in each that a bug may make raise."""

OF_A_SESSION: dict[str, tuple[type, str, Callable[..., str]]] = {
    "its registration": (Registry, "save", lambda _, session, *__: session),
    "what its renderer plays": (Renderer, "parsed", lambda _, adapter, text: json.loads(text).get("session")),
    "a turn": (Turn, "run", lambda turn: turn.answer.question.session),
    "its mailbox": (Conversation, "_ask", lambda conversation, _: conversation.session),
}
"""What goes on in one session, a call in each, and whose it is."""


def break_it(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, concerns: Concerns) -> None:
    """From now on the call raises where it concerns this."""
    real = getattr(owner, name)

    def broken(*args: Any, **more: Any) -> Any:
        if concerns(*args):
            raise RuntimeError("a bug")
        return real(*args, **more)

    monkeypatch.setattr(owner, name, broken)


def listen(caplog: pytest.LogCaptureFixture) -> None:
    """From now on to the service's log as well: it has put its own handler in the place of all others."""
    logging.getLogger().addHandler(caplog.handler)


async def readiness(stack: Stack) -> tuple[int, str]:
    answer = await stack.http.get("/readyz")
    return answer.status_code, answer.json().get("detail", "")


@pytest.mark.parametrize("name", KEPT)
async def test_the_service_is_not_ready_once_its_work_fails(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """`/readyz` names what failed, as does the log."""
    opened = await transcribed(stack)
    listen(caplog)
    assert await readiness(stack) == (200, "")
    break_it(monkeypatch, *KEPT[name])
    await stack.open()
    await stack.http.post("/answer", json={"text": "What?", "session": opened["session"]})
    await stack.hear(opened, SpeechStarted, onset_ms=80)

    async def unready() -> bool:
        return (await readiness(stack))[0] == 503

    await until(unready)
    assert await readiness(stack) == (503, f"{name} failed (RuntimeError); the log has the details")
    assert f"'work': '{name}'" in caplog.text
    assert "a bug" in caplog.text


async def test_all_kept_work_is_tried_above(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever adds to it has to add to the table."""
    names, keep = set(), Background.keep

    def noted(self: Background, name: str, work: Any) -> None:
        names.add(name)
        keep(self, name, work)

    monkeypatch.setattr(Background, "keep", noted)
    await stack.restart()
    assert names == set(KEPT)


@contextlib.asynccontextmanager
async def losing_its_session(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, opened: dict[str, Any], name: str
) -> AsyncIterator[Page]:
    """A page that asks, and whose session fails at that."""
    owner, call, session_of = OF_A_SESSION[name]
    async with stack.page(opened) as page:
        await page.state("listening")
        with monkeypatch.context() as broken:
            break_it(broken, owner, call, lambda *args: session_of(*args) == opened["session"])
            await page.say("start_reply", text="What?")
            assert (await page.until(lambda e: e.type == "error")).title == "The session failed"  # type: ignore[union-attr]
            with pytest.raises(ConnectionClosed):
                await page.state("listening")
            yield page


@pytest.mark.parametrize("name", OF_A_SESSION)
async def test_a_session_fails_alone(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """Its page is told, it is dismantled, the log names it; the service stays ready and the next session answers."""
    opened, other = await stack.open(), await stack.open()
    id = opened["session"]
    listen(caplog)
    async with losing_its_session(stack, monkeypatch, opened, name) as page:
        assert page.socket.close_code == 1001
        await until(lambda: id not in stack.renderer.avatars and stack.gateway.closed == [id])
        assert (await stack.http.get(f"/session/{id}")).status_code == 404
        assert await readiness(stack) == (200, "")
        async with stack.page(other) as stranger:
            await stranger.say("start_reply", text="Still there?")
            await stranger.state("listening", 1)
            assert not stranger.of("error")
    assert f"'work': 'session {id}'" in caplog.text
    assert "a bug" in caplog.text


async def test_who_waits_for_the_answer_of_a_session_that_fails_is_told(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 and a sentence, and not that the answer was interrupted."""
    await stack.open()
    break_it(monkeypatch, Turn, "run", always)
    answer = await stack.http.post("/answer", json={"text": "What?"})
    assert answer.status_code == 503
    assert "unexpected" in answer.json()["detail"]


async def test_a_session_that_failed_can_be_opened_again_at_once(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that is still being dismantled takes the new one with it."""
    close, opening = Renderer.close_session, asyncio.Event()

    async def close_late(renderer: Renderer, session: str) -> None:
        await opening.wait()
        await asyncio.sleep(0.2)  # longer than opening takes
        await close(renderer, session)

    monkeypatch.setattr(Renderer, "close_session", close_late)
    opened = await stack.open()
    async with losing_its_session(stack, monkeypatch, opened, "a turn"):
        opening.set()
    answer = await stack.http.post(
        "/session",
        json={"sdp": OFFER, "session": opened["session"]},
        headers={"Authorization": f"Bearer {opened['token']}"},
    )
    assert answer.status_code == 201
    async with stack.page(opened) as page:
        await page.say("start_reply", text="And now?")
        await page.state("speaking")
        await page.state("listening")
    assert not page.of("error")
    assert stack.gateway.viewers[opened["session"]] == 1


async def test_a_bug_behind_a_control_socket_closes_that_socket(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged with its name and closed with 1011; the session and its other sockets go on."""
    opened = await stack.open()
    listen(caplog)
    break_it(monkeypatch, Conversation, "user_speaking", always)
    async with stack.page(opened) as page, stack.page(opened) as other:
        await page.say("user_speaking", speaking=True)
        with pytest.raises(ConnectionClosed):
            await page.state("paused")
        assert page.socket.close_code == 1011
        await other.say("start_reply", text="Still there?")
        await other.state("listening", 1)
    assert await readiness(stack) == (200, "")
    assert f"'work': 'reading a control socket of session {opened['session']}'" in caplog.text
