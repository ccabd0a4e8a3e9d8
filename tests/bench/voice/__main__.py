"""`python -m tests.bench.voice [--each]`: speaks to the running product by WebRTC, and measures how it listens.

Prints a table and one JSON object on the last line; with `--each` a line for every sound too.
"""

import argparse
import asyncio
import tempfile
from pathlib import Path

import psutil

from services.common.bus import RedisBus
from services.stack.local import LocalStack
from tests.bench.report import report, say
from tests.bench.voice import utterances
from tests.bench.voice.scores import summary
from tests.bench.voice.speaker import Loudspeaker, Speaker
from tests.bench.voice.utterances import CONDITIONS, room_of
from tests.microphone import Microphone
from tests.viewer import Viewer, eventually

MEANINGS = {
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


async def measure(stack: LocalStack, *, each: bool) -> dict[str, object]:
    """All of `MEANINGS`; `each` writes a line for every sound."""
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
        speaker = Speaker(viewer, microphone, control, each=each)
        listening = group.create_task(speaker.listen(bus))
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
                await speaker.turn(said)
        busy = asr.cpu_percent()
        microphone.move(room_of("quiet"))
        await asyncio.sleep(1.5)
        say("Speaking over the avatar")
        for name, sound in utterances.interruptions():
            await speaker.over_answer(name, sound, interrupts=True)
        say("Backchannels, coughs, a door")
        for name, sound in utterances.backchannels():
            await speaker.over_answer(name, sound, interrupts=False, kind="backchannel")
        for name, sound in utterances.noises():
            await speaker.over_answer(name, sound, interrupts=False, kind="noise")
        say("Its own voice")
        for level in (-10, -20, -30):
            for delay in (50, 250):
                await speaker.echo(loudspeaker, level, delay)
        listening.cancel()
    await bus.close()
    return summary(speaker.scores, all_turns) | {
        "asr_cpu_idle": round(idle, 1),
        "asr_cpu_turns": round(busy, 1),
        "asr_rss_mb": round(asr.memory_info().rss / 2**20),
    }


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m tests.bench.voice", description="How it listens.")
    options.add_argument("--each", action="store_true", help="a line for everything that was heard")
    each = options.parse_args().each
    with tempfile.TemporaryDirectory() as folder, LocalStack(Path(folder)) as stack:
        say(f"The stack runs at {stack.url}")
        numbers = asyncio.run(measure(stack, each=each))
    report(numbers, MEANINGS)


if __name__ == "__main__":
    main()
