"""Processes die; people who watch notice a pause at most."""

import asyncio
import time

from tests.e2e.stack import Stack
from tests.viewer import Viewer, eventually

QUESTION = "What is FlashbackAvatars?"


async def started(stack: Stack, name: str) -> None:
    """The process runs again and is ready; meanwhile the viewer goes on watching."""
    await asyncio.to_thread(stack.start, name)


async def speaks(viewer: Viewer) -> None:
    asked = time.monotonic()
    answer = await viewer.ask(QUESTION)
    assert answer["spoken"] is True
    await eventually(lambda: len(viewer.voiced_since(asked)) > 25, why="no voice")


async def test_the_renderer_is_killed_and_the_same_viewer_sees_the_face_again(stack: Stack, viewer: Viewer) -> None:
    """After the renderer's death the viewer's own tracks go on, without a new offer, and the session speaks."""
    await speaks(viewer)
    stack.kill("renderer")
    await started(stack, "renderer")
    back = time.monotonic()
    await eventually(lambda: len(viewer.video.since(back)) > 30, 30, "the picture did not come back")
    await speaks(viewer)


async def test_redis_is_killed_and_the_session_talks_on(stack: Stack, viewer: Viewer) -> None:
    """Without Redis a live session speaks and is captioned, a new one gets 503; with Redis back both work."""
    stack.kill("redis")
    async with viewer.control() as control:
        await speaks(viewer)
        await control.wait_for(lambda e: e["type"] == "caption")
    refused = await viewer.http.post("/session", json={"sdp": viewer.pc.localDescription.sdp, "type": "offer"})
    assert refused.status_code == 503, refused.text
    assert "redis" in refused.json()["detail"].lower()
    await started(stack, "redis")
    await speaks(viewer)
    async with Viewer(stack.url) as second:
        await eventually(lambda: second.video.samples, why="no picture in the new session")
        await second.http.delete(f"/session/{second.session}", headers={"Authorization": f"Bearer {second.token}"})


async def test_the_orchestrator_is_killed_and_the_session_is_adopted(stack: Stack, viewer: Viewer) -> None:
    """The face never leaves the screen, and the restarted orchestrator speaks in the same session."""
    stack.kill("orchestrator-api")
    gone = time.monotonic()
    await eventually(lambda: len(viewer.video.since(gone)) > 5, why="the picture stopped with the orchestrator")
    await started(stack, "orchestrator-api")
    await speaks(viewer)


async def test_voice_and_retrieval_are_killed_and_come_back(stack: Stack, viewer: Viewer) -> None:
    """While tts or rag-llm is away a question ends in an error event and listening; afterwards it is answered."""
    for name in ("tts", "rag-llm"):
        stack.kill(name)
        async with viewer.control() as control:
            await control.send("start_reply", text=QUESTION)
            error = await control.wait_for(lambda e: e["type"] == "error")
            assert error["detail"].endswith(".")
            await control.wait_for(lambda e: e["type"] == "state" and e["state"] == "listening" and e["turn"] > 0)
        await started(stack, name)
        await speaks(viewer)


async def test_the_gateway_is_killed_and_the_viewer_joins_again(stack: Stack, viewer: Viewer) -> None:
    """After the gateway's death the renderer publishes again by itself, and joining the same session brings it back."""
    stack.kill("sfu-gateway")
    await started(stack, "sfu-gateway")
    async with Viewer(stack.url, viewer.session, viewer.token) as again:
        assert again.session == viewer.session
        await eventually(lambda: again.video.samples and again.audio.samples, 30, "no picture or no sound")
        await speaks(again)
