"""`python -m tests.bench`: starts its own stack, measures, prints a table and one JSON object on the last line."""

import argparse
import asyncio
import tempfile
from pathlib import Path

import numpy as np
import psutil

from services.stack.local import LocalStack
from tests.bench.browser import buffers_ms
from tests.bench.report import percentiles, report, say
from tests.bench.trials import Timings, answers, interruptions, listen, pauses
from tests.viewer import Viewer, eventually

MEANINGS = {
    "e2e_latency_ms": "question sent on the control socket to the first voiced 20 ms of sound decoded at the viewer",
    "first_lip_movement_ms": "question sent to the first decoded picture whose mouth moves more than at rest",
    "interruption_to_silence_ms": "cancel sent to the last voiced 20 ms decoded; 40 of it its jitter buffer",
    "voice_to_pause_ms": "user_speaking sent to the last voiced 20 ms decoded before the gap",
    "voice_over_to_speech_ms": "its end sent, 300 ms later, to the first voiced 20 ms decoded after it",
    "av_skew_ms": "lag between mouth opening and loudness on the sender's clock, absolute, one value an answer",
    "av_skew_median_ms": "the same with its sign; positive: the mouth is late",
    "final_fps": "decoded pictures a second over the listening, half idle, half speech",
    "longest_frame_gap_ms": "longest time between two decoded pictures over the listening",
    "cpu_percent": "of one core, over the listening",
    "rss_mb": "resident memory at the end of it",
    "browser_buffer_ms": "mean delay of headless Chromium's jitter buffers; of the viewer's: sound 40, pictures 0",
}


async def measure(stack: LocalStack, trials: int, seconds: float) -> dict[str, object]:
    """All of `MEANINGS` but the browser's jitter buffers."""
    timings = Timings()
    async with Viewer(stack.url) as viewer, viewer.control() as control:
        await eventually(lambda: viewer.video.samples and viewer.audio.samples, why="no picture or no sound")
        await viewer.ask("What is FlashbackAvatars?")
        await eventually(lambda: viewer.audio.report and viewer.video.report, why="no sender reports")
        say(f"{trials} answers")
        await answers(viewer, control, timings, trials)
        say(f"{trials} interruptions")
        await interruptions(viewer, control, timings, trials)
        say(f"{trials} pauses")
        await pauses(viewer, control, timings, trials)
        say(f"{seconds:.0f} s of idle and speech")
        watched = {name: psutil.Process(stack.pid(name)) for name in stack.running}
        for process in watched.values():
            process.cpu_percent()
        fps, gap = await listen(viewer, control, seconds)
        return {
            "e2e_latency_ms": percentiles(timings.e2e),
            "first_lip_movement_ms": percentiles(timings.lips),
            "interruption_to_silence_ms": percentiles(timings.silence),
            "voice_to_pause_ms": percentiles(timings.pause),
            "voice_over_to_speech_ms": percentiles(timings.resume),
            "av_skew_ms": percentiles([abs(s) for s in timings.skew]),
            "av_skew_median_ms": round(float(np.median(timings.skew)), 1),
            "final_fps": round(fps, 2),
            "longest_frame_gap_ms": round(gap, 1),
            "cpu_percent": {name: round(p.cpu_percent(), 1) for name, p in watched.items()},
            "rss_mb": {name: round(p.memory_info().rss / 2**20) for name, p in watched.items()},
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=20, help="answers, interruptions, and pauses")
    parser.add_argument("--seconds", type=float, default=60, help="of listening, half idle, half speech")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, LocalStack(Path(folder)) as stack:
        say(f"The stack runs at {stack.url}")
        numbers = asyncio.run(measure(stack, options.trials, options.seconds))
        say("A browser's jitter buffers")
        numbers["browser_buffer_ms"] = buffers_ms(stack.url) or "no chromium here"
    report(numbers, MEANINGS)


if __name__ == "__main__":
    main()
