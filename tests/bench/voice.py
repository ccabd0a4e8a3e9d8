"""`python -m tests.bench.voice [--each]`: speaks to the running product by WebRTC, and measures how it listens.

Prints a table and one JSON object on the last line; with `--each` a line for every sound too.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
import soxr
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from services.asr.text import plain_words
from services.common.bus import RedisBus
from services.common.utterances import UTTERANCE_EVENTS, UTTERANCES_PATTERN, TurnOver, UtteranceEvent
from services.stack.local import LocalStack
from tests.bench import utterances
from tests.bench.utterances import CONDITIONS, Utterance, room_of
from tests.microphone import RATE, Microphone, Played, Sound
from tests.viewer import Control, Viewer, eventually

LONG = "What is FlashbackAvatars?"
"""A question whose answer takes some seconds."""

HOW = {
    "utterances": "said to the avatar while it listens",
    "word_error_rate": "% of words wrong in the final transcript, by how much softer than the voice the noise is",
    "word_error_rate_by_voice": "% in a quiet room and at 20 dB: tiny.en hardly understands the robotic ones",
    "turns_cut": "utterances that ended in more than one turn, of all; of those with a pause inside, to 600 ms",
    "turns_missed": "utterances without a turn",
    "missed_interruptions": "speech over the avatar that did not end its answer",
    "ended_by_backchannel": "answers that a backchannel ended, of all that were said over it",
    "ended_by_noise": "answers that a cough, a door or keys ended",
    "ended_by_echo": "answers that the avatar's own voice ended, mixed back at -10, -20, -30 dB after 50, 250 ms",
    "paused_by_echo": "answers that it paused",
    "false_interruption_resumes": "of the answers that a backchannel, a cough or its like paused, those that went on",
    "end_of_turn_delay": "ms, asr: last voiced frame to the turn being over",
    "transcription_delay": "ms, asr: the part of it spent on waiting for words",
    "turn_over_after": "ms, here: last sample of the voice sent to the turn being over on the bus",
    "speech_started_after": "ms, here: first sample sent to the onset on the bus",
    "interruption_detection_delay": "ms: first sample sent to the answer's end on the control socket",
    "onset_to_silence": "ms: first sample sent to the last voiced 20 ms of the avatar decoded here",
    "answer_after": "ms: last sample of the voice sent to the avatar's first voiced 20 ms decoded here",
    "answer_after_by_room": "the same, p50 by how much softer than the voice the noise is",
    "asr_cpu_idle": "% of a core, in a quiet room with an open microphone",
    "asr_cpu_turns": "% of a core, over all utterances and answers",
    "asr_rss_mb": "resident memory at the end",
}


@dataclass
class Results:
    words: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))  # (wrong, said)
    voices: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    rooms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))  # answer_after
    numbers: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    cut: list[Utterance] = field(default_factory=list)
    missed: list[Utterance] = field(default_factory=list)
    counts: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    names: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # of what went wrong


class Conversation:
    """A person with a microphone and loudspeaker in a session, and everything that can be observed of it."""

    def __init__(self, viewer: Viewer, microphone: Microphone, control: Control, *, each: bool) -> None:
        self.viewer, self.microphone, self.control = viewer, microphone, control
        self._each = each
        self.heard: list[tuple[float, UtteranceEvent]] = []
        self.results = Results()

    async def listen(self, bus: RedisBus) -> None:
        async for _, text in bus.subscribe(UTTERANCES_PATTERN):
            self.heard.append((time.monotonic(), UTTERANCE_EVENTS.validate_json(text)))

    async def turn(self, said: Utterance) -> None:
        """Say it, take the times, cut the answer short."""
        await self.quiet()
        played = self.microphone.play(said.sound)
        await asyncio.sleep(played.ended - time.monotonic())
        results = self.results
        answered = await came(lambda: self.viewer.voiced_since(played.ended - 0.05), 4)
        await asyncio.sleep(0.3)
        over = [(at, m) for at, m in self.heard if at >= played.began and isinstance(m, TurnOver)]
        await self.stop()
        self.tell(f"{said.text} ({said.voice})", played)
        if not over:
            results.missed.append(said)
            return
        text = " ".join(m.text for _, m in over if isinstance(m, TurnOver))
        wrong = (Levenshtein.distance(plain_words(text), plain_words(said.text)), len(plain_words(said.text)))
        results.words[said.room].append(wrong)
        if said.room in ("quiet", "20 dB"):
            results.voices[said.voice].append(wrong)
        if len(over) > 1:
            results.cut.append(said)
        at, last = over[-1]
        assert isinstance(last, TurnOver)
        results.numbers["end_of_turn_delay"].append(last.end_of_turn_delay)
        results.numbers["transcription_delay"].append(last.transcription_delay)
        results.numbers["turn_over_after"].append((at - played.ended) * 1000)
        started = next((t for t, m in self.heard if t >= played.began and m.type == "speech_started"), None)
        if started:
            results.numbers["speech_started_after"].append((started - played.began) * 1000)
        if answered and said.kind != "single":
            first = self.viewer.voiced_since(played.ended - 0.05)[0]
            after_ms = (first.at - played.ended) * 1000
            results.numbers["answer_after"].append(after_ms)
            results.rooms[said.room].append(after_ms)
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
                self.results.numbers["interruption_detection_delay"].append((ended - played.began) * 1000)
                await asyncio.sleep(0.3)
                self.silenced(played, ended)
        else:
            self.count(f"ended_by_{kind}", ended is not None, name)
            if kind != "echo" and self.paused(since):
                self.results.counts["false_interruption_resumes"].append(ended is None and self.resumed(since))
        await self.stop()

    async def echo(self, loudspeaker: "Loudspeaker", level_db: float, delay_ms: float) -> None:
        """Let the avatar hear itself."""
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
        """What was heard of it, and how many ms after it began and ended."""
        self.note(f"{name}, {played.seconds * 1000:.0f} ms")
        for at, heard in [(at, m) for at, m in self.heard if at >= played.began]:
            about = heard.model_dump(include=_TOLD)
            times = f"{(at - played.began) * 1000:6.0f} {(at - played.ended) * 1000:6.0f}"
            self.note(f"  {times}  {heard.type} {' '.join(str(value) for value in about.values())}")

    def note(self, text: str) -> None:
        if self._each:
            say(text)

    def count(self, what: str, happened: bool, name: str) -> None:
        self.results.counts[what].append(happened)
        if happened:
            self.results.names[what].append(name)

    def silenced(self, played: Played, ended: float) -> None:
        """From the onset to the avatar's last sound before its next answer, which is at least half a second later."""
        voiced = [s.at for s in self.viewer.voiced_since(played.began) if s.at < max(ended, played.ended) + 0.3]
        last = played.began
        for at in voiced:
            if at - last > 0.5:
                break
            last = at
        self.results.numbers["onset_to_silence"].append((last - played.began) * 1000)
        self.note(f"silent {(last - played.began) * 1000:.0f}")

    async def answering(self) -> None:
        """The avatar speaks, and has done so for a moment."""
        await self.quiet()
        asked = await self.control.send("start_reply", text=LONG)
        await eventually(lambda: self.viewer.voiced_since(asked), why="no voice")
        await asyncio.sleep(0.7)

    async def stop(self) -> None:
        await self.control.send("cancel")

    async def quiet(self) -> None:
        """Until the avatar has been silent for half a second, and every utterance is over."""
        since = time.monotonic()
        while time.monotonic() < since + 0.5 or self.open_utterance():
            if self.viewer.voiced_since(since):
                since = time.monotonic()
            await asyncio.sleep(0.02)

    def open_utterance(self) -> bool:
        return bool(self.heard) and self.heard[-1][1].type not in ("turn_over", "dismissed")

    def interrupted(self, since: int) -> float | None:
        return next((at for at, e in self.control.events[since:] if e["type"] == "interrupted"), None)

    def paused(self, since: int) -> bool:
        return any(e["type"] == "state" and e["state"] == "paused" for _, e in self.control.events[since:])

    def resumed(self, since: int) -> bool:
        states = [e["state"] for _, e in self.control.events[since:] if e["type"] == "state"]
        return "speaking" in states[states.index("paused") :]


_TOLD = {"text", "backchannel", "reason", "probability", "end_of_turn_delay", "transcription_delay"}


class Loudspeaker:
    """Brings what the viewer hears back into the microphone, softer and later."""

    def __init__(self, microphone: Microphone) -> None:
        self.gain, self.delay_s = 0.0, 0.0
        self._microphone = microphone

    def hear(self, sound: NDArray[np.int16]) -> None:
        if self.gain:
            mono = np.asarray(soxr.resample(sound.reshape(-1, 2).mean(axis=1) / 32768, 48_000, RATE), np.float32)
            loop = asyncio.get_running_loop()
            loop.call_later(self.delay_s, lambda: self._microphone.play(mono, self.gain))


async def came(what: Callable[[], object], seconds: float) -> bool:
    """Wait until it is there, or so long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if what():
            return True
        await asyncio.sleep(0.02)
    return False


async def measure(stack: LocalStack, *, each: bool) -> dict[str, object]:
    microphone = Microphone(room_of("quiet"))
    loudspeaker = Loudspeaker(microphone)
    bus = RedisBus(f"redis://127.0.0.1:{stack.parts['redis'].port}/0")
    asr = psutil.Process(stack.pid("asr"))
    all_turns = utterances.turns()
    async with (
        Viewer(stack.url, microphone=microphone, on_sound=loudspeaker.hear) as viewer,
        viewer.control() as control,
        asyncio.TaskGroup() as group,
    ):
        talk = Conversation(viewer, microphone, control, each=each)
        listening = group.create_task(talk.listen(bus))
        await eventually(lambda: viewer.video.samples and viewer.audio.samples, why="no picture or no sound")
        await control.wait_for(lambda e: e["type"] == "state" and e.get("ears"))
        await asyncio.sleep(2)
        say("Listening to a quiet room")
        asr.cpu_percent()
        await asyncio.sleep(12)
        idle = asr.cpu_percent()
        for room in CONDITIONS:
            microphone.move(room_of(room))
            these = [u for u in all_turns if u.room == room]
            say(f"{len(these)} utterances, {room}")
            await asyncio.sleep(1.5)
            for said in these:
                await talk.turn(said)
        busy = asr.cpu_percent()
        microphone.move(room_of("quiet"))
        await asyncio.sleep(1.5)
        say("Speaking over the avatar")
        for name, sound in utterances.interruptions():
            await talk.over_answer(name, sound, interrupts=True)
        say("Backchannels, coughs, a door")
        for name, sound in utterances.backchannels():
            await talk.over_answer(name, sound, interrupts=False, kind="backchannel")
        for name, sound in utterances.noises():
            await talk.over_answer(name, sound, interrupts=False, kind="noise")
        say("Its own voice")
        for level in (-10, -20, -30):
            for delay in (50, 250):
                await talk.echo(loudspeaker, level, delay)
        listening.cancel()
    await bus.close()
    return summary(talk.results, all_turns) | {
        "asr_cpu_idle": round(idle, 1),
        "asr_cpu_turns": round(busy, 1),
        "asr_rss_mb": round(asr.memory_info().rss / 2**20),
    }


def summary(results: Results, said: list[Utterance]) -> dict[str, object]:
    found: dict[str, object] = {
        "utterances": len(said),
        "word_error_rate": error_rates(results.words),
        "word_error_rate_by_voice": error_rates(results.voices),
        "turns_cut": {
            "all": f"{len(results.cut)} of {len(said)}",
            "with a pause": f"{count_paused(results.cut)} of {count_paused(said)}",
        },
        "turns_missed": ", ".join(
            [str(len(results.missed)), *(f"{u.text} ({u.voice}, {u.room})" for u in results.missed)]
        ),
    }
    for name, happened in results.counts.items():
        which = ", ".join(results.names[name])
        found[name] = f"{sum(happened)} of {len(happened)}" + (f": {which}" if which else "")
    for name, values in results.numbers.items():
        found[name] = {f"p{p}": round(float(np.percentile(values, p)), 1) for p in (50, 95)}
    found["answer_after_by_room"] = {room: round(float(np.median(values))) for room, values in results.rooms.items()}
    return found


def error_rates(words: dict[str, list[tuple[int, int]]]) -> dict[str, float]:
    return {key: round(100 * sum(w for w, _ in of) / sum(n for _, n in of), 1) for key, of in words.items()}


def count_paused(these: list[Utterance]) -> int:
    return sum(utterance.kind == "paused" for utterance in these)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m tests.bench.voice", description="How it listens.")
    options.add_argument("--each", action="store_true", help="a line for everything that was heard")
    each = options.parse_args().each
    with tempfile.TemporaryDirectory() as folder, LocalStack(Path(folder)) as stack:
        say(f"The stack runs at {stack.url}")
        numbers = asyncio.run(measure(stack, each=each))
    say("")
    for name, how in HOW.items():
        if name in numbers:
            value = numbers[name]
            shown = "  ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
            say(f"{name:28} {shown}\n{'':28} {how}")
    say("")
    say(json.dumps(numbers))


if __name__ == "__main__":
    main()
