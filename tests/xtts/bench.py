"""`make bench-xtts`: XTTS at true size, random weights; JSON on the last line. `--tiny` shows on a CPU that it runs.

In one run, for 1, 4 and 16 voices at once: the library's own `inference_stream` (one voice: it knows no more), and the
engine eager in fp32, eager in half precision, and as it runs on a GPU (half precision, CUDA graphs). All say the same
text in sentences of the same length; random weights do not end by themselves. The tracker of mouth shapes is left out.
"""

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from services.tts.engine import Line, Pcm, Written
from services.tts.visemes.tracking import Tracked
from services.tts.xtts.decoder import Decoder
from services.tts.xtts.engine import XttsEngine
from services.tts.xtts.vocoder import Vocoder, VocoderWindow
from services.tts.xtts.weights import Loaded, load
from tests.xtts.published import SPEAKERS, TINY, TRUE, publish, small_vocoder

TEXT = "Everything runs on your own machine, and nothing that you say ever leaves it unless you want it to."
VOICES = (1, 4, 16)


@dataclass
class Row:
    """`first_ms`: request to first sound, median and worst voice. `rtf`: time over the sound of one voice."""

    variant: str
    voices: int
    first_ms: float
    worst_first_ms: float
    rtf: float
    seconds: float
    memory_mb: float


class Deaf:
    """In the tracker's place: it settles everything at once."""

    def __init__(self, line: Line, rate: int) -> None:
        self._rate, self._heard = rate, 0

    def feed(self, pcm: Pcm, final: bool) -> Tracked:
        self._heard += len(pcm)
        return Tracked([], [], self._heard * 1000 // self._rate)


class Bench:
    def __init__(self, folder: Path, tokens: int, limit_s: float) -> None:
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._until = time.monotonic() + limit_s
        self.loaded: Loaded = load(folder, self._device)
        self.loaded.model.gpt.max_gen_mel_tokens = tokens
        self.rows: list[Row] = []
        self.parts: dict[str, float] = {}

    def out_of_time(self) -> bool:
        return time.monotonic() > self._until

    def library(self) -> None:
        """`inference_stream`, its first chunk and all, after one run to warm up."""
        model, said = self.loaded.model, self.loaded.sampling
        speaker = model.speaker_manager.speakers[SPEAKERS[0]]
        self._clear()
        for _ in range(2):
            began, first, samples = time.perf_counter(), 0.0, 0
            stream = model.inference_stream(
                TEXT,
                "en",
                speaker["gpt_cond_latent"],
                speaker["speaker_embedding"],
                temperature=said.temperature,
                top_k=said.top_k,
                top_p=said.top_p,
                repetition_penalty=said.repetition_penalty,
            )
            for chunk in stream:
                samples += len(chunk.cpu())
                first = first or time.perf_counter() - began
            took = time.perf_counter() - began
        seconds = samples / 24000
        self._add(Row("library", 1, 1000 * first, 1000 * first, took / seconds, seconds, self._memory()))

    def engine(self, variant: str, dtype: torch.dtype, *, graphs: bool, voices: tuple[int, ...]) -> None:
        self._clear()
        vocoder = Vocoder(self.loaded.model.hifigan_decoder)
        decoder = Decoder(self.loaded.model.gpt, max(voices), self.loaded.sampling, dtype=dtype, graphs=graphs)
        began = time.perf_counter()
        decoder.warm()
        self.parts[f"{variant}: capture s"] = round(time.perf_counter() - began, 2)
        self._steps(variant, decoder, vocoder, voices)
        engine = XttsEngine(self.loaded, decoder, vocoder, Deaf)
        for count in voices:
            if self.out_of_time():
                break
            self._speak(engine, count)
            firsts, took, seconds = self._speak(engine, count)
            first, worst = 1000 * statistics.median(firsts), 1000 * max(firsts)
            self._add(Row(variant, count, first, worst, took / seconds, seconds, self._memory()))
        engine.close()

    def _speak(self, engine: XttsEngine, count: int) -> tuple[list[float], float, float]:
        """`count` voices at once: seconds to the first sound of each, to the end of all, and of one voice's sound."""
        line = Line(tuple(Written(word, word) for word in TEXT.split()), engine.voices[0], 300)
        firsts, lengths = [0.0] * count, [0] * count
        gate = threading.Barrier(count + 1)

        def one(index: int) -> None:
            gate.wait()
            began = time.perf_counter()
            for part in engine.speak(line):
                firsts[index] = firsts[index] or time.perf_counter() - began
                lengths[index] += len(part.pcm)

        threads = [threading.Thread(target=one, args=(i,)) for i in range(count)]
        for thread in threads:
            thread.start()
        gate.wait()
        began = time.perf_counter()
        for thread in threads:
            thread.join()
        return firsts, time.perf_counter() - began, statistics.median(lengths) / 24000

    def _steps(self, variant: str, decoder: Decoder, vocoder: Vocoder, voices: tuple[int, ...]) -> None:
        """What the parts of it take: reading a text, a token, a window of 30 frames."""
        speaker = self.loaded.model.speaker_manager.speakers[SPEAKERS[0]]
        style, color = (speaker[k].to(self._device) for k in ("gpt_cond_latent", "speaker_embedding"))
        text = self.loaded.model.tokenizer.encode(TEXT.lower(), lang="en")
        self._time(f"{variant}: prefill ms", lambda: decoder.begin(0, style, text))
        for count in voices:
            for row in range(count):
                decoder.begin(row, style, text)
            rows = list(range(count))
            self._time(f"{variant}: step of {count} ms", lambda rows=rows: decoder.step(rows))  # type: ignore[misc]
            window = VocoderWindow(torch.randn(60, decoder.width, device=self._device), color, 60, 90, False)
            self._time(f"{variant}: window of {count} ms", lambda n=count, w=window: vocoder.sound([w] * n))  # type: ignore[misc]

    def _time(self, name: str, work: Callable[[], object], runs: int = 10) -> None:
        for _ in range(3):
            work()
        took = []
        for _ in range(runs):
            self._synchronize()
            began = time.perf_counter()
            work()
            self._synchronize()
            took.append(1000 * (time.perf_counter() - began))
        self.parts[name] = round(statistics.median(took), 2)
        sys.stdout.write(f"  {name:32} {self.parts[name]:8.2f}\n")
        sys.stdout.flush()

    def _synchronize(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize()

    def _clear(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def _memory(self) -> float:
        return torch.cuda.max_memory_allocated() / 1e6 if self._device.type == "cuda" else 0.0

    def _add(self, row: Row) -> None:
        self.rows.append(row)
        sys.stdout.write(
            f"{row.variant:12} {row.voices:2} at once: first sound {row.first_ms:.1f} ms,"
            f" worst {row.worst_first_ms:.1f}, RTF {row.rtf:.3f}, {row.seconds:.1f} s each, {row.memory_mb:.0f} MB\n"
        )
        sys.stdout.flush()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--tiny", action="store_true", help="small sizes, for a CPU; says nothing about speed")
    options.add_argument("--limit", type=float, default=480, help="seconds after which nothing new is begun")
    options.add_argument("--tokens", type=int, default=200, help="of a sentence; 200 are 9.3 s")
    chosen = options.parse_args()
    torch.manual_seed(1)
    np.random.seed(1)
    with tempfile.TemporaryDirectory() as folder:
        sizes, tokens = (TINY, 20) if chosen.tiny else (TRUE, chosen.tokens)
        if chosen.tiny:
            small_vocoder()
            torch.set_num_threads(1)
        bench = Bench(publish(Path(folder), sizes), tokens, chosen.limit)
    sys.stdout.write(f"{device_name()}, torch {torch.__version__}, {'tiny' if chosen.tiny else 'true size'}\n")
    sys.stdout.flush()
    bench.library()
    half = torch.float16 if torch.cuda.is_available() else torch.bfloat16
    bench.engine("eager fp32", torch.float32, graphs=False, voices=VOICES)
    if not bench.out_of_time():
        bench.engine("eager half", half, graphs=False, voices=VOICES)
    if torch.cuda.is_available() and not bench.out_of_time():
        bench.engine("graphs half", half, graphs=True, voices=VOICES)
    report(bench)


def report(bench: Bench) -> None:
    """The last line."""
    rows = [{k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(row).items()} for row in bench.rows]
    sys.stdout.write(json.dumps({"device": device_name(), "rows": rows, "parts": bench.parts}) + "\n")


def device_name() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"


if __name__ == "__main__":
    main()
