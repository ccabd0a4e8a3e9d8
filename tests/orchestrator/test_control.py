"""The control socket: who may open it, what it takes, what it gives."""

import asyncio
import contextlib
import json

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from services.common import tokens
from services.common.messages import AnswerDelta
from tests.orchestrator.conftest import SECRET, Stack
from tests.orchestrator.serving import until


async def test_the_socket_opens_only_with_the_sessions_token(stack: Stack) -> None:
    """Refused with a close code that a browser sees, and a sentence: 4401, 4403, 4404."""
    opened = await stack.open()
    own = opened["session"]
    for session, token, code in (
        (own, "", 4401),
        (own, "nonsense", 4401),
        (own, tokens.issue("y" * 32, own, "talker"), 4401),
        (own, tokens.issue(SECRET, "other", "talker"), 4403),
        (own, tokens.issue(SECRET, own, "renderer"), 4403),
        ("gone", tokens.issue(SECRET, "gone", "talker"), 4404),
    ):
        async with connect(f"ws://127.0.0.1:{stack.port}/control?session={session}&token={token}") as socket:
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(socket.recv(), 5)
            assert (socket.close_code, bool(socket.close_reason)) == (code, True)


async def test_a_bad_message_is_answered_and_the_socket_stays_open(stack: Stack) -> None:
    """Whatever is sent, an error event says what is wrong with it, and the next question is answered."""
    opened = await stack.open()
    async with stack.page(opened) as page:
        no_object = "The message is not a JSON object."
        bad: list[tuple[str | bytes, str]] = [
            ("", no_object),
            ("not json", no_object),
            ("[]", no_object),
            ("null", no_object),
            ("{}", "type is missing."),
            ('{"type":"dance"}', "type must be one of 'user_speaking', 'start_reply', 'cancel', 'set_style'."),
            ('{"type":"user_speaking"}', "speaking is missing."),
            ('{"type":"user_speaking","speaking":7}', "speaking must be true or false."),
            ('{"type":"user_speaking","speaking":"yes"}', "speaking must be true or false."),
            ('{"type":"start_reply","text":"  "}', "text: there is nothing but white space in it."),
            (json.dumps({"type": "start_reply", "text": "x" * 4001}), "text must have at most 4000 characters."),
            ('{"type":"start_reply","text":NaN}', "text must be a string."),
            ('{"type":"set_style"}', "style is missing."),
            ('{"type":"set_style","style":"neon"}', "style: there is no 'neon'; choose one of studio, night."),
            (b"\x00\x01", "Send JSON as text, not binary."),
            ("{" * 5000, no_object),
        ]
        for message, said in bad:
            await page.socket.send(message)
            error = await page.type("error")
            assert error.detail == said, message
        await page.say("start_reply", text="Still there?")
        await page.state("listening", 1)
    assert len(page.of("caption")) == 10


async def test_what_makes_no_sense_now_names_the_state(stack: Stack) -> None:
    """cancel and start_reply without a text, while nothing is being said: an error that names the state."""
    opened = await stack.open()
    async with stack.page(opened) as page:
        for verb in ("cancel", "start_reply"):
            await page.say(verb)
            assert "listening" in (await page.type("error")).detail
        await page.say("user_speaking", speaking=True)
        await page.say("user_speaking", speaking=False)
        await page.say("start_reply", text="What?")
        await page.state("listening", 1)
    assert len(page.of("error")) == 2
    answer = await stack.http.post("/cancel", json={})
    assert (answer.status_code, answer.json()["state"]) == (409, "listening")


async def test_styles_change_over_the_socket(stack: Stack) -> None:
    """set_style reaches the renderer."""
    opened = await stack.open()
    async with stack.page(opened) as page:
        await page.say("set_style", style="night")
        await until(lambda: stack.avatar(opened).style == "night")


async def test_everybody_in_a_session_sees_the_same_events_in_the_same_order(stack: Stack) -> None:
    """Two pages of one session get identical events; a page of another session gets none of them."""
    opened, other = await stack.open(), await stack.open()
    async with stack.page(opened) as one, stack.page(opened) as two, stack.page(other) as stranger:
        for page in (one, two, stranger):
            await page.state("listening")
        await one.say("start_reply", text="What?")
        await one.state("listening", 1)
        await two.state("listening", 1)
        await stranger.say("start_reply", text="And here?")
        await stranger.state("listening", 1)
    assert one.events[1:] == two.events[1:]
    assert {e.session for e in stranger.events} == {other["session"]}


async def test_a_page_that_does_not_read_is_let_go_and_holds_up_nobody(stack: Stack) -> None:
    """Its backlog is bounded: it is closed with 1013 while the others go on."""
    opened = await stack.open()
    conversation = stack.server.app.state.sessions.get(opened["session"]).conversation
    address = f"ws://127.0.0.1:{stack.port}/control?session={opened['session']}&token={opened['token']}"
    async with connect(address, max_queue=1, compression=None) as lazy, stack.page(opened) as page:
        await page.state("listening")
        flood = AnswerDelta(session=opened["session"], turn=1, text="x" * 16_000)
        for _ in range(1000):  # more than the sockets between them hold
            conversation.audience.tell(flood)
            assert await page.until(lambda e: e.type == "answer_delta")
        with contextlib.suppress(ConnectionClosed):
            async with asyncio.timeout(10):
                async for _ in lazy:
                    pass
        assert lazy.close_code in (1013, 1006)  # the frame itself may not get through to somebody who reads nothing
        await page.say("start_reply", text="Still there?")
        await page.state("listening", 1)
