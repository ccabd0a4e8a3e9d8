"""A person speaks to the running product: is understood, answered aloud, and interrupts by voice."""

import asyncio
import time
from collections.abc import AsyncIterator

import httpx
import numpy as np
import pytest

from tests.e2e.stack import Stack
from tests.microphone import RATE, Microphone, Played
from tests.viewer import Control, Viewer, eventually
from tests.voices import cough, say, understood

QUESTION = "What is the avatar?"
OVER_IT = "Stop. What about my own documents?"


class Person(Viewer):
    """A viewer who speaks."""

    def __init__(self, url: str) -> None:
        dice = np.random.default_rng(0)
        self.voice = Microphone(np.asarray(dice.normal(0, 3e-4, RATE), np.float32))
        super().__init__(url, microphone=self.voice)

    def say(self, text: str) -> Played:
        return self.voice.play(say(text))


@pytest.fixture
async def person(stack: Stack) -> AsyncIterator[Person]:
    async with Person(stack.url) as person:
        await eventually(lambda: person.video.samples and person.audio.samples, why="no picture or no sound")
        yield person
        await person.http.delete(f"/session/{person.session}", headers={"Authorization": f"Bearer {person.token}"})


async def heard_by_the_server(control: Control) -> None:
    """asr listens to this session."""
    await control.wait_for(lambda e: e["type"] == "state" and e["ears"])


async def is_answered(person: Person, control: Control, question: str = QUESTION) -> None:
    """The question, asked aloud, is understood, but for what a busy machine mishears of it, and answered aloud."""
    before = len(control.events)
    played = person.say(question)
    await control.wait_for(
        lambda e: (
            (e["type"], e.get("final")) == ("transcript", True)
            and understood(e["text"], question)
            and e in [event for _, event in control.events[before:]]
        )
    )
    await eventually(lambda: len(person.voiced_since(played.ended)) > 25, why="no answer aloud")


async def test_a_question_is_asked_by_voice_and_its_answer_interrupted_by_voice(person: Person) -> None:
    """Spoken, transcribed, answered aloud; another question over the answer ends it and is answered in its place."""
    async with person.control() as control:
        await heard_by_the_server(control)
        await is_answered(person, control)
        person.say(OVER_IT)
        interrupted = await control.wait_for(lambda e: e["type"] == "interrupted")
        turn = interrupted["turn"]
        await control.wait_for(lambda e: e["type"] == "playback" and e["turn"] > turn)
        assert [e["text"] for e in control.of("transcript") if e["final"]][-1]
        await control.send("cancel")


async def test_a_cough_pauses_the_answer_at_most(person: Person) -> None:
    """The answer is heard to its end."""
    async with person.control() as control:
        await heard_by_the_server(control)
        await is_answered(person, control)
        for seed in range(3):
            person.voice.play(cough(seed))
            await asyncio.sleep(0.8)
        await control.wait_for(lambda e: e["type"] == "playback" and e["phase"] == "finished", 40)
        assert control.of("interrupted") == []


async def test_asr_is_killed_in_the_middle_of_a_sentence(stack: Stack, person: Person) -> None:
    """Typing works without it; once it runs again it hears the same session; the session never ends."""
    async with person.control() as control:
        await heard_by_the_server(control)
        person.say(QUESTION)
        await control.wait_for(lambda e: e["type"] == "transcript" and not e["final"])
        stack.kill("asr")
        asked = time.monotonic()
        await control.send("start_reply", text="What is FlashbackAvatars?")
        await eventually(lambda: len(person.voiced_since(asked)) > 25, why="typing did not work")
        await control.send("cancel")
        await asyncio.to_thread(stack.start, "asr")
        headers = {"Authorization": f"Bearer {person.token}"}
        assert (await person.http.get(f"/session/{person.session}", headers=headers)).status_code == 200

        async def listens() -> bool:
            async with httpx.AsyncClient(base_url=stack.parts["asr"].url) as asr:
                sessions = (await asr.get("/v1/sessions")).json()["sessions"]
            return {"session": person.session, "state": "listening"} in sessions

        deadline = time.monotonic() + 30
        while not await listens():
            assert time.monotonic() < deadline, "asr was not told to listen again"
            await asyncio.sleep(0.1)
        await eventually(lambda: not person.voiced_since(time.monotonic() - 0.5), why="it does not fall silent")
        await is_answered(person, control)
