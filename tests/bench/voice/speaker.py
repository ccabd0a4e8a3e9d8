"""A person who speaks to the avatar, and what is observed of it: on the bus, on the control socket, and by ear."""

import asyncio
import time
from collections.abc import Callable

import numpy as np
import soxr
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from services.asr.text import plain_words
from services.common.bus import RedisBus
from services.common.utterances import UTTERANCE_EVENTS, UTTERANCES_PATTERN, TurnOver, UtteranceEvent
from tests.bench.report import say
from tests.bench.voice.scores import Scores
from tests.bench.voice.utterances import Utterance
from tests.microphone import RATE, Microphone, Played, Sound
from tests.viewer import Control, Viewer, eventually

QUESTION = "What is FlashbackAvatars?"
"""A question whose answer takes some seconds."""

_NOTED = {"text", "backchannel", "reason", "probability", "end_of_turn_delay", "transcription_delay"}


class Speaker:
    """A person with a microphone in a session, who keeps what asr and the avatar make of each sound in `scores`."""

    def __init__(self, viewer: Viewer, microphone: Microphone, control: Control, *, each: bool) -> None:
        self.viewer, self.microphone, self.control = viewer, microphone, control
        self._each = each
        self.heard: list[tuple[float, UtteranceEvent]] = []
        self.scores = Scores()

    async def listen(self, bus: RedisBus) -> None:
        """Collect what asr reports, without end."""
        async for _, text in bus.subscribe(UTTERANCES_PATTERN):
            self.heard.append((time.monotonic(), UTTERANCE_EVENTS.validate_json(text)))

    async def turn(self, said: Utterance) -> None:
        """Say it, score the turn and the answer, and cut the answer short."""
        await self.quiet()
        played = self.microphone.play(said.sound)
        await asyncio.sleep(played.ended - time.monotonic())
        scores = self.scores
        answered = await came(lambda: self.viewer.voiced_since(played.ended - 0.05), 4)
        await asyncio.sleep(0.3)
        over = [(at, m) for at, m in self.heard if at >= played.began and isinstance(m, TurnOver)]
        await self.stop()
        self.tell(f"{said.text} ({said.voice})", played)
        if not over:
            scores.missed.append(said)
            return
        text = " ".join(m.text for _, m in over if isinstance(m, TurnOver))
        wrong = (Levenshtein.distance(plain_words(text), plain_words(said.text)), len(plain_words(said.text)))
        scores.words[said.room].append(wrong)
        if said.room in ("quiet", "20 dB"):
            scores.voices[said.voice].append(wrong)
        if len(over) > 1:
            scores.cut.append(said)
        at, last = over[-1]
        assert isinstance(last, TurnOver)
        scores.numbers["end_of_turn_delay"].append(last.end_of_turn_delay)
        scores.numbers["transcription_delay"].append(last.transcription_delay)
        scores.numbers["turn_over_after"].append((at - played.ended) * 1000)
        started = next((t for t, m in self.heard if t >= played.began and m.type == "speech_started"), None)
        if started:
            scores.numbers["speech_started_after"].append((started - played.began) * 1000)
        if answered and said.kind != "single":
            first = self.viewer.voiced_since(played.ended - 0.05)[0]
            after_ms = (first.at - played.ended) * 1000
            scores.numbers["answer_after"].append(after_ms)
            scores.rooms[said.room].append(after_ms)
            self.note(f"answer {after_ms:.0f}")

    async def over_answer(self, name: str, sound: Sound, *, interrupts: bool, kind: str = "") -> None:
        """Make a sound while the avatar speaks, and see whether it stops and whether it goes on."""
        await self.answering()
        since = len(self.control.events)
        played = self.microphone.play(sound)
        await came(lambda: self.interrupted(since), played.seconds + 2.2)
        ended = self.interrupted(since)
        self.tell(name, played)
        if interrupts:
            self.count("missed_interruptions", ended is None, name)
            if ended is not None:
                self.scores.numbers["interruption_detection_delay"].append((ended - played.began) * 1000)
                await asyncio.sleep(0.3)
                self.silenced(played, ended)
        else:
            self.count(f"ended_by_{kind}", ended is not None, name)
            if kind != "echo" and self.paused(since):
                self.scores.counts["false_interruption_resumes"].append(ended is None and self.resumed(since))
        await self.stop()

    async def echo(self, loudspeaker: "Loudspeaker", level_db: float, delay_ms: float) -> None:
        """Let the avatar hear itself from the loudspeaker at this level, dB of its own, so much later."""
        loudspeaker.gain, loudspeaker.delay_s = 10 ** (level_db / 20), delay_ms / 1000
        try:
            await self.answering()
            since = len(self.control.events)
            await came(lambda: self.interrupted(since), 3)
            self.count("ended_by_echo", self.interrupted(since) is not None, f"{level_db} dB, {delay_ms} ms")
            self.count("paused_by_echo", self.paused(since), f"{level_db} dB, {delay_ms} ms")
        finally:
            loudspeaker.gain = 0.0
            await self.stop()

    def tell(self, name: str, played: Played) -> None:
        """Note what asr reported of a sound, and how many ms after its begin and end."""
        self.note(f"{name}, {played.seconds * 1000:.0f} ms")
        for at, heard in [(at, m) for at, m in self.heard if at >= played.began]:
            about = heard.model_dump(include=_NOTED)
            times = f"{(at - played.began) * 1000:6.0f} {(at - played.ended) * 1000:6.0f}"
            self.note(f"  {times}  {heard.type} {' '.join(str(value) for value in about.values())}")

    def note(self, text: str) -> None:
        """Write a line, if there is to be one for each sound."""
        if self._each:
            say(text)

    def count(self, what: str, happened: bool, name: str) -> None:
        """Score one trial, with the name of the sound if it happened."""
        self.scores.counts[what].append(happened)
        if happened:
            self.scores.names[what].append(name)

    def silenced(self, played: Played, ended: float) -> None:
        """Score the time from a sound's onset to the avatar's last sound before its next answer.

        The next answer begins half a second later, or more.
        """
        voiced = [s.at for s in self.viewer.voiced_since(played.began) if s.at < max(ended, played.ended) + 0.3]
        last = played.began
        for at in voiced:
            if at - last > 0.5:
                break
            last = at
        self.scores.numbers["onset_to_silence"].append((last - played.began) * 1000)
        self.note(f"silent {(last - played.began) * 1000:.0f}")

    async def answering(self) -> None:
        """Ask, and wait until the avatar has spoken for a moment."""
        await self.quiet()
        asked = await self.control.send("start_reply", text=QUESTION)
        await eventually(lambda: self.viewer.voiced_since(asked), why="no voice")
        await asyncio.sleep(0.7)

    async def stop(self) -> None:
        """End the answer, if there is one."""
        await self.control.send("cancel")

    async def quiet(self) -> None:
        """Wait until the avatar has been silent for half a second, and every utterance is over."""
        since = time.monotonic()
        while time.monotonic() < since + 0.5 or self.open_utterance():
            if self.viewer.voiced_since(since):
                since = time.monotonic()
            await asyncio.sleep(0.02)

    def open_utterance(self) -> bool:
        """Whether asr is still hearing an utterance."""
        return bool(self.heard) and self.heard[-1][1].type not in ("turn_over", "dismissed")

    def interrupted(self, since: int) -> float | None:
        """When the answer was interrupted, monotonic seconds, as told by the control events from `since` on."""
        return next((at for at, e in self.control.events[since:] if e["type"] == "interrupted"), None)

    def paused(self, since: int) -> bool:
        """Whether the answer was paused."""
        return any(e["type"] == "state" and e["state"] == "paused" for _, e in self.control.events[since:])

    def resumed(self, since: int) -> bool:
        """Whether the answer went on after its pause."""
        states = [e["state"] for _, e in self.control.events[since:] if e["type"] == "state"]
        return "speaking" in states[states.index("paused") :]


class Loudspeaker:
    """Brings what the viewer hears back into the microphone, softer and later."""

    def __init__(self, microphone: Microphone) -> None:
        self.gain, self.delay_s = 0.0, 0.0
        self._microphone = microphone

    def hear(self, sound: NDArray[np.int16]) -> None:
        """Take 48 kHz sound, left and right interleaved, as the viewer decodes it."""
        if self.gain:
            mono = np.asarray(soxr.resample(sound.reshape(-1, 2).mean(axis=1) / 32768, 48_000, RATE), np.float32)
            loop = asyncio.get_running_loop()
            loop.call_later(self.delay_s, lambda: self._microphone.play(mono, self.gain))


async def came(what: Callable[[], object], seconds: float) -> bool:
    """Wait until `what` holds, no longer than so many seconds -> whether it does."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if what():
            return True
        await asyncio.sleep(0.02)
    return False
