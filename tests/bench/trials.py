"""The trials of `make bench`: answers, interruptions, pauses, and a while of idle and speech."""

import asyncio
import random
import time
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from tests.bench.skew import skew_ms
from tests.viewer import Control, Viewer, eventually

QUESTIONS = [
    "What is FlashbackAvatars?",
    "How do I add my own documents?",
    "Can I interrupt you?",
    "How do I start it?",
    "Which documents can you read?",
    "Do you need a GPU?",
    "Does my data leave this machine?",
    "How does the voice work?",
]


@dataclass
class Timings:
    """Milliseconds, one entry a trial."""

    e2e: list[float] = field(default_factory=list)
    lips: list[float] = field(default_factory=list)
    skew: list[float] = field(default_factory=list)
    silence: list[float] = field(default_factory=list)
    pause: list[float] = field(default_factory=list)
    resume: list[float] = field(default_factory=list)


async def answers(viewer: Viewer, control: Control, timings: Timings, count: int) -> None:
    """Ask; time the first voiced sound and the first lip movement as decoded here; correlate mouth and sound."""
    for i in range(count):
        await quiet(viewer)
        moving = 1.5 * max(s.motion for s in viewer.video.samples[-15:]) + 0.5
        asked = await control.send("start_reply", text=QUESTIONS[i % len(QUESTIONS)])
        started = len(control.events)
        await eventually(partial(viewer.voiced_since, asked), why="no voice")
        await eventually(partial(finished, control, started), 60, "the answer did not end")
        await asyncio.sleep(0.3)  # what is still on its way to this viewer
        voiced = viewer.voiced_since(asked)
        timings.e2e.append((voiced[0].at - asked) * 1000)
        lips = next((s.at for s in viewer.video.since(asked) if s.motion > moving), None)
        if lips is not None:
            timings.lips.append((lips - asked) * 1000)
        skew = skew_ms(viewer.audio, viewer.video, voiced[0].at - 0.3, voiced[-1].at + 0.3)
        if skew is not None:
            timings.skew.append(skew)


async def interruptions(viewer: Viewer, control: Control, timings: Timings, count: int) -> None:
    """Ask, let it speak a while, cancel; time the last voiced sound that is decoded here."""
    for i in range(count):
        await quiet(viewer)
        asked = await control.send("start_reply", text=QUESTIONS[i % len(QUESTIONS)])
        await eventually(partial(viewer.voiced_since, asked), why="no voice")
        await asyncio.sleep(random.uniform(0.4, 1.2))
        cancelled = await control.send("cancel")
        await asyncio.sleep(1)
        late = viewer.voiced_since(cancelled)
        timings.silence.append((late[-1].at - cancelled) * 1000 if late else 0.0)


async def pauses(viewer: Viewer, control: Control, timings: Timings, count: int) -> None:
    """Ask, let it speak a while, make a short sound; time the last voiced frame before the gap and the first after."""
    for i in range(count):
        await quiet(viewer)
        asked = await control.send("start_reply", text=QUESTIONS[i % len(QUESTIONS)])
        await eventually(partial(viewer.voiced_since, asked), why="no voice")
        await asyncio.sleep(random.uniform(0.4, 1.2))
        sounds = await control.send("user_speaking", speaking=True)
        await asyncio.sleep(0.3)
        over = await control.send("user_speaking", speaking=False)
        await eventually(partial(viewer.voiced_since, over), why="it did not go on")
        before = [sample for sample in viewer.voiced_since(sounds) if sample.at < over]
        timings.pause.append((before[-1].at - sounds) * 1000 if before else 0.0)
        timings.resume.append((viewer.voiced_since(over)[0].at - over) * 1000)
        await control.send("cancel")


async def listen(viewer: Viewer, control: Control, seconds: float) -> tuple[float, float]:
    """Watch so many seconds, half idle, half speech -> decoded frames a second, longest gap between two, ms."""
    start = time.monotonic()
    await asyncio.sleep(seconds / 2)
    while time.monotonic() < start + seconds:
        before = len(control.events)
        await control.send("start_reply", text=random.choice(QUESTIONS))
        await eventually(partial(finished, control, before), 60, "the answer did not end")
    end = start + seconds
    at = np.array([s.at for s in viewer.video.samples if start <= s.at <= end])
    return (len(at) - 1) / (at[-1] - at[0]), float(np.diff(at).max() * 1000)


async def quiet(viewer: Viewer) -> None:
    """Wait until the avatar has been silent for a second."""
    since = time.monotonic()
    while viewer.voiced_since(since) or time.monotonic() < since + 1:
        if viewer.voiced_since(since):
            since = time.monotonic()
        await asyncio.sleep(0.05)


def finished(control: Control, after: int) -> bool:
    """Whether an answer was played to its end since there were `after` events."""
    return any(e["type"] == "playback" and e["phase"] == "finished" for _, e in control.events[after:])
