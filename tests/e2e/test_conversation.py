"""A question is answered by a face that speaks, and stops when it is told to; seen by a WebRTC viewer."""

import re
import time
from functools import partial

import httpx
import numpy as np

from tests.e2e.stack import Stack
from tests.viewer import Viewer, eventually

QUESTION = "What is FlashbackAvatars?"


def heard(viewer: Viewer, since: float) -> bool:
    """Whether half a second of voice came since then."""
    return len(viewer.voiced_since(since)) > 25


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


async def test_the_answer_is_heard_seen_and_captioned(viewer: Viewer) -> None:
    """A question gives voiced sound, a mouth that moves with it, captions equal to the text, and its sources."""
    async with viewer.control() as control:
        asked = time.monotonic()
        answer = await viewer.ask(QUESTION)
        turn = answer["turn"]
        assert answer["spoken"] is True
        assert answer["citations"], "an answer from the corpus names its source"
        finished = await control.wait_for(
            lambda e: e["type"] == "playback" and e["phase"] == "finished" and e["turn"] == turn, 40
        )
        await control.wait_for(
            lambda e: e["type"] == "state" and e["state"] == "listening" and e["at"] >= finished["at"]
        )

        states = [e["state"] for e in control.of("state") if e["turn"] == turn]
        assert [s for i, s in enumerate(states) if i == 0 or s != states[i - 1]] == [
            "thinking",
            "speaking",
            "listening",
        ]
        assert words(" ".join(e["word"] for e in control.of("caption", turn))) == words(answer["text"])
        assert words("".join(e["text"] for e in control.of("answer_delta", turn))) == words(answer["text"])
        assert {c["source"] for c in control.of("citation", turn)} == {c["source"] for c in answer["citations"]}
        starts = [e["t0"] for e in control.of("caption", turn)]
        assert starts == sorted(starts)
        metrics = control.of("metrics", turn)
        assert metrics
        assert metrics[-1]["e2e_latency"] > 0

        voiced = viewer.voiced_since(asked)
        assert len(voiced) * 20 > 0.4 * finished["t"], "much of the answer's time is voiced"
        mouth = [s for s in viewer.video.samples if s.at >= voiced[0].at]
        still = [s.value for s in viewer.video.samples if s.at < asked]
        assert np.std([s.value for s in mouth]) > 3 * np.std(still) + 1e-9, "the mouth moves while it speaks"


async def test_cancel_gives_silence_and_nothing_more_of_the_turn(viewer: Viewer) -> None:
    """After a cancel the voice stops, `heard_text` is a beginning of the answer, and no event of the turn follows."""
    async with viewer.control() as control:
        await control.send("start_reply", text=QUESTION)
        await control.wait_for(lambda e: e["type"] == "caption")
        await control.send("cancel")
        interrupted = await control.wait_for(lambda e: e["type"] == "interrupted")
        turn = interrupted["turn"]
        quiet_from = time.monotonic() + 0.5  # what the jitter buffers of the network hold is still heard
        await eventually(lambda: viewer.audio.since(quiet_from + 0.5), why="the sound track ended")
        assert not viewer.voiced_since(quiet_from)

        answer = await viewer.ask("Can I interrupt you?")
        await control.wait_for(lambda e: e["type"] == "playback" and e["phase"] == "finished" and e["turn"] > turn, 40)
        order = [e for _, e in control.events]
        after = order[order.index(interrupted) + 1 :]
        of_the_turn = [e["type"] for e in after if e["turn"] == turn and e["type"] not in ("state", "metrics")]
        assert of_the_turn == []
        written = words("".join(e["text"] for e in control.of("answer_delta", turn)))
        heard = words(interrupted["heard_text"])
        assert heard == written[: len(heard)]
        assert answer["turn"] > turn


async def test_speaking_interrupts(viewer: Viewer) -> None:
    """`user_speaking` while the avatar speaks ends the turn like a cancel."""
    async with viewer.control() as control:
        await control.send("start_reply", text=QUESTION)
        await control.wait_for(lambda e: e["type"] == "playback" and e["phase"] == "started")
        await control.send("user_speaking", speaking=True)
        await control.wait_for(lambda e: e["type"] == "interrupted")
        await control.wait_for(lambda e: e["type"] == "state" and e["state"] == "listening")


async def test_a_short_sound_lets_it_go_on(viewer: Viewer) -> None:
    """Paused and resumed: every word is captioned once, in order, and the answer is heard to its end."""
    async with viewer.control() as control:
        await control.send("start_reply", text=QUESTION)
        await control.wait_for(lambda e: e["type"] == "caption")
        for _ in range(3):
            await control.send("user_speaking", speaking=True)
            await control.send("user_speaking", speaking=False)
        finished = await control.wait_for(lambda e: e["type"] == "playback" and e["phase"] == "finished", 40)
        numbers = await control.wait_for(lambda e: e["type"] == "metrics" and "underruns_total" in e)
        turn = finished["turn"]
        states = [e["state"] for e in control.of("state") if e["turn"] == turn]
        assert states.count("paused") == 3
        assert words(" ".join(e["word"] for e in control.of("caption", turn))) == words(
            "".join(e["text"] for e in control.of("answer_delta", turn))
        )
        assert not control.of("interrupted")
        assert numbers["underruns_total"] == 0


async def test_a_new_question_takes_over(viewer: Viewer) -> None:
    """A question during an answer cancels that answer and is answered itself."""
    async with viewer.control() as control:
        await control.send("start_reply", text=QUESTION)
        first = await control.wait_for(lambda e: e["type"] == "playback" and e["phase"] == "started")
        second = await viewer.ask("How do I add my own documents?")
        assert second["turn"] > first["turn"]
        await control.wait_for(lambda e: e["type"] == "interrupted" and e["turn"] == first["turn"])
        await control.wait_for(lambda e: e["type"] == "caption" and e["turn"] == second["turn"])


async def test_a_second_viewer_sees_the_same_session(stack: Stack, viewer: Viewer) -> None:
    """Whoever joins a session hears and sees the same answer."""
    async with Viewer(stack.url, viewer.session) as second:
        assert second.session == viewer.session
        await eventually(lambda: second.video.samples and second.audio.samples, why="no picture or no sound")
        asked = time.monotonic()
        await viewer.ask(QUESTION)
        for each in (viewer, second):
            await eventually(partial(heard, each, asked), why="no voice")
        sessions = (await viewer.http.get("/sessions")).json()
        assert viewer.session in str(sessions)


async def test_sessions_do_not_hear_each_other(stack: Stack, viewer: Viewer) -> None:
    """An answer in one session is silence in another."""
    async with Viewer(stack.url) as other:
        await eventually(lambda: other.audio.samples, why="no sound track")
        asked = time.monotonic()
        await viewer.ask(QUESTION)
        await eventually(lambda: len(viewer.voiced_since(asked)) > 25, why="no voice")
        assert not other.voiced_since(asked)
        await other.http.delete(f"/session/{other.session}", headers={"Authorization": f"Bearer {other.token}"})


async def test_a_bare_curl_is_answered_in_text(stack: Stack) -> None:
    """Without any session `POST /answer` answers as text, says that it was not spoken, and cites."""
    async with httpx.AsyncClient(base_url=stack.url, timeout=15) as http:
        await eventually_no_session(http)
        answer = (await http.post("/answer", json={"text": QUESTION})).json()
        assert answer["spoken"] is False
        assert "FlashbackAvatars" in answer["text"]
        assert answer["citations"]


async def eventually_no_session(http: httpx.AsyncClient) -> None:
    """Close what other tests left open, as its owner could."""
    listed = (await http.get("/sessions")).json()
    assert not listed["sessions"], f"a test left its session open: {listed}"
