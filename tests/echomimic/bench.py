"""EchoMimic v3's speed at its true size, with random weights: `make bench-echomimic`, on a GPU. JSON on the last line.

Every figure that is compared with another comes from the same run. Times are medians; "rtf" is the time that a window
takes over the playing time of its new pictures.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch

from services.renderer.echomimic import loading
from services.renderer.echomimic.generator import Generator, Likeness
from services.renderer.echomimic.networks.fp8 import use_fp8
from services.renderer.echomimic.networks.passes import Row
from services.renderer.echomimic.networks.shape import Shape
from services.renderer.echomimic.networks.transformer import Modulation, Transformer
from services.renderer.echomimic.recipe import Recipe
from services.renderer.echomimic.sound import sample_at
from services.renderer.echomimic.windows import Scheme
from services.renderer.media.clock import FPS
from tests.echomimic import reference
from tests.echomimic.bench_sessions import speaking_at_once
from tests.echomimic.published import WAV2VEC
from tests.echomimic.random_models import IMAGE_TOKENS, RandomModels
from tests.echomimic.tiny import TINY

WINDOWS = {9: 1, 13: 1, 25: 5, 49: 9}
"""Pictures of a window, and its overlap."""

GUIDANCE = {
    "8 steps x 2": (8, tuple(range(8))),
    "8 steps, 4 guided": (8, (0, 1, 4, 5)),
    "6 steps x 2": (6, tuple(range(6))),
    "8 steps x 1": (8, ()),
    "6 steps x 1": (6, ()),
}

CHAINS = 3
"""Times that two windows in a row are made, for each recipe."""

SECTIONS = ("passes", "reference", "vae", "windows", "fp8", "sessions")


class Bench:
    """One run; `results` fills as it goes."""

    def __init__(self, models: RandomModels, size: int, repeats: int) -> None:
        self.models, self.size, self.repeats = models, size, repeats
        self.cuda = models.device == "cuda"
        self.results: dict[str, Any] = {"device": torch.cuda.get_device_name() if self.cuda else "CPU"}
        self._likenesses: dict[int, Likeness] = {}

    def say(self, section: str, what: str, **numbers: Any) -> None:
        self.results.setdefault(section, {})[what] = numbers
        sys.stdout.write(f"{section:10} {what:34} " + "  ".join(f"{k} {v}" for k, v in numbers.items()) + "\n")
        sys.stdout.flush()

    def sync(self) -> None:
        if self.cuda:
            torch.cuda.synchronize()

    def milliseconds(self, work: Callable[[], Any]) -> float:
        work()
        taken = []
        for _ in range(self.repeats):
            self.sync()
            begun = time.perf_counter()
            work()
            self.sync()
            taken.append((time.perf_counter() - begun) * 1000)
        return round(statistics.median(taken), 2)

    @contextmanager
    def timed(self, section: str, what: str) -> Iterator[None]:
        """Once: for what is done at start."""
        begun = time.perf_counter()
        yield
        self.sync()
        self.say(section, what, seconds=round(time.perf_counter() - begun, 1))

    def generator(self, window: int, steps: int = 8, guided: tuple[int, ...] = (0, 1, 4, 5)) -> Generator:
        recipe = Recipe(self.size, Scheme(window, WINDOWS[window]), steps, guided)
        return self.models.generator(recipe)

    def likeness(self, generator: Generator) -> Likeness:
        """Made once for each window: it encodes a whole window, as the engine does before it compiles."""
        window = generator.recipe.scheme.window
        if window not in self._likenesses:
            self._likenesses[window] = generator.likeness(self.models.portrait(self.size), self.models.image)
        return self._likenesses[window]

    def row(self, generator: Generator) -> Row:
        """A row with a window's shapes and random contents."""
        sound = np.random.default_rng(0).normal(size=sample_at(generator.recipe.audio_pictures)).astype(np.float32)
        window = generator.prepare(self.likeness(generator), sound, None)
        step = Modulation(*(table[0] for table in generator.modulations))
        return Row(window.latents, window.given, step, window.image, window.audio)

    # --- sections ----------------------------------------------------------------------------------------------------

    def peak(self) -> float:
        """What the card's bf16 matrix product reaches, TFLOP/s."""
        side = 8192 if self.cuda else 256
        a, b = (
            torch.randn(side, side, device=self.models.device, dtype=loading.precision(self.models.device))
            for _ in "ab"
        )
        rate = 2 * side**3 / self.milliseconds(lambda: a @ b) / 1e9
        self.say("card", "bf16 matrix product", tflops=round(rate, 1), side=side)
        return rate

    def passes(self, generators: dict[int, Generator], peak: float) -> None:
        """One pass, eager, then optimised; the share of the peak is of the card's matrix product above."""
        rows = {window: self.row(generator) for window, generator in generators.items()}
        eager = {
            (window, count): self.milliseconds(partial(generator.passes, [rows[window]] * count))
            for window, generator in generators.items()
            for count in (1, 2)
        }
        if self.cuda:
            with self.timed("start", "compile and capture the passes of all windows"):
                next(iter(generators.values())).passes.compile()
                for window, generator in generators.items():
                    generator.capture_audio_encoder()
                    for count in (1, 2):
                        generator.passes.capture(rows[window], count)
        for (window, count), before in eager.items():
            generator, given = generators[window], [rows[window]] * count
            ms = self.milliseconds(partial(generator.passes, given))
            work = count * operations(self.models.shape, generator.recipe)
            self.say(
                "passes",
                f"{window} pictures, {count} row{'s' * (count > 1)}",
                eager_ms=before,
                ms=ms,
                tflops=round(work / ms / 1e9, 2),
                share_of_peak=round(work / ms / 1e9 / peak, 3),
            )

    def reference(self, windows: list[int]) -> None:
        """The reference's own transformer on the same shapes, as its pipeline calls it."""
        if not reference.checked_out():
            self.say("reference", "third_party/echomimic_v3 is not checked out")
            return
        shape, device, dtype = self.models.shape, self.models.device, loading.precision(self.models.device)
        with reference.importable():
            with torch.device(device):
                model = reference.transformer(shape).to(dtype)
            for window in windows:
                latents, side = (window - 1) // 4 + 1, self.size // 8
                for count in (1, 2):
                    draw = {"device": device, "dtype": dtype}
                    inputs = {
                        "x": torch.randn(count, shape.latent, latents, side, side, **draw),
                        "given": torch.randn(count, shape.latent + 4, latents, side, side, **draw),
                        "text": torch.randn(20, shape.text_dim, **draw),
                        "image": torch.randn(IMAGE_TOKENS, shape.image_dim, **draw),
                        "audio": torch.randn(window + 4, shape.audio_layers, shape.audio_dim, **draw),
                        "timesteps": torch.full((count,), 892, device=device),
                    }
                    with torch.autocast(device, dtype=torch.bfloat16, enabled=self.cuda):
                        ms = self.milliseconds(partial(reference.run_once, model, inputs))
                    self.say("reference", f"{window} pictures, {count} row{'s' * (count > 1)}", ms=ms)

    def vae(self) -> None:
        """Encoding of what is carried on, and decoding of a window, eager and compiled."""
        codec, side = self.models.codec, self.size // 8
        draw = {"device": self.models.device, "dtype": codec.vae.dtype}

        def decode(latents: torch.Tensor) -> None:
            for _ in codec.decode(latents):
                pass

        work: dict[str, Callable[[], Any]] = {}
        for count in sorted(set(WINDOWS.values())):
            pictures = torch.randn(1, 3, count, self.size, self.size, **draw).tanh()
            work[f"encode {count} picture{'s' * (count > 1)}"] = partial(codec.encode, pictures)
        for count in (5, 13, 25):
            latents = torch.randn(1, 16, (count - 1) // 4 + 1, side, side, **draw)
            work[f"decode {count} pictures"] = partial(decode, latents)
        with torch.inference_mode():
            eager = {what: self.milliseconds(do) for what, do in work.items()}
            if self.cuda:
                codec.optimise()
                with self.timed("start", "compile the VAE"):
                    for do in work.values():
                        do()
            for what, do in work.items():
                self.say("vae", what, eager_ms=eager[what], ms=self.milliseconds(do))

    def windows(self, generators: dict[int, Generator]) -> None:
        """From sound to pictures, window after window: what a single speaker waits for."""
        for window, generator in generators.items():
            likeness = self.likeness(generator)
            for name, (steps, guided) in GUIDANCE.items():
                other = self.like(generator, steps, guided)
                self.say("windows", f"{window}/{WINDOWS[window]}, {name}", **self.chain(other, likeness))

    def like(self, generator: Generator, steps: int, guided: tuple[int, ...]) -> Generator:
        """A generator with other steps, and what was optimised of this one."""
        other = self.generator(generator.recipe.scheme.window, steps, guided)
        other.passes, other._encode_audio = generator.passes, generator._encode_audio
        return other

    def chain(self, generator: Generator, likeness: Likeness) -> dict[str, float]:
        """`first_ms`: from the order to the first new pictures of a turn; `ms` and `rtf`: of a window that carries on;
        its parts after that."""
        sound = np.random.default_rng(0).normal(size=sample_at(generator.recipe.audio_pictures)).astype(np.float32)
        firsts, whole, parts = [], [], []
        for run in range(1 + min(CHAINS, self.repeats)):  # the first warms up
            tail = None
            for number in range(2):
                marks = [time.perf_counter()]
                window = generator.prepare(likeness, sound, tail)
                marks.append(time.perf_counter())
                while not generator.done(window):
                    generator.advance([window])
                marks.append(time.perf_counter())
                first = 0.0
                for _, last in generator.pictures(window, likeness):
                    first, tail = first or time.perf_counter(), last
                marks.append(time.perf_counter())
                if run == 0:
                    continue
                if number == 0:
                    firsts.append(first - marks[0])
                else:
                    whole.append(marks[-1] - marks[0])
                    parts.append(np.diff(marks))
        scheme = generator.recipe.scheme
        ms = statistics.median(whole) * 1000
        prepare, denoise, decode = np.median(parts, 0) * 1000
        return {
            "rtf": round(ms / 1000 * FPS / (scheme.window - scheme.overlap), 3),
            "first_ms": round(statistics.median(firsts) * 1000, 1),
            "ms": round(ms, 1),
            "prepare_ms": round(prepare, 1),
            "denoise_ms": round(denoise, 1),
            "decode_ms": round(decode, 1),
        }

    def fp8(self, generator: Generator) -> None:
        """Speed and error of 8-bit products against bf16, on one pass; and of bf16 against fp32."""
        row = self.row(generator)
        half = generator.passes([row]).float().clone()
        whole = self.in_fp32(generator, row)
        use_fp8(self.models.transformer)
        eighth_generator = self.generator(generator.recipe.scheme.window)
        eighth_generator._encode_audio = generator._encode_audio
        with self.timed("start", "compile and capture the passes in fp8"):
            eighth_generator.passes.compile()
            for count in (1, 2):
                eighth_generator.passes.capture(row, count)
        eighth = eighth_generator.passes([row]).float()
        error = {"bf16_against_fp32": distance(half, whole), "fp8_against_fp32": distance(eighth, whole)}
        self.say("fp8", "error of a pass", **error)
        for count in (1, 2):
            self.say("fp8", f"{count} rows", ms=self.milliseconds(partial(eighth_generator.passes, [row] * count)))
        likeness, window = self.likeness(generator), generator.recipe.scheme.window
        for name, (steps, guided) in GUIDANCE.items():
            other = self.like(eighth_generator, steps, guided)
            self.say("fp8", f"{window}/{WINDOWS[window]}, {name}", **self.chain(other, likeness))
        self.sessions(eighth_generator, "fp8")

    def sessions(self, generator: Generator, precision: str) -> None:
        """Until they are too many, with the quality that is the default, and with the least."""
        window = generator.recipe.scheme.window
        for name in ("8 steps, 4 guided", "6 steps x 1"):
            other = self.like(generator, *GUIDANCE[name])
            for count, numbers in speaking_at_once(other, self.likeness(generator)):
                self.say("sessions", f"{count} at once, {window}/{WINDOWS[window]}, {name}, {precision}", **numbers)

    def in_fp32(self, generator: Generator, row: Row) -> torch.Tensor:
        """The same pass with the same weights in single precision."""
        with torch.device(self.models.device):
            wide = Transformer(self.models.shape).eval().requires_grad_(False)
        wide.load_state_dict(self.models.transformer.state_dict())
        copy = Generator(wide, self.models.codec, self.models.audio_encoder, self.models.text, generator.recipe)
        step = Modulation(*(part.float() for part in row.step))
        return copy.passes([Row(row.latents, row.given.float(), step, row.image.float(), row.audio.float())]).clone()

    def memory(self) -> None:
        if self.cuda:
            peak, kept = torch.cuda.max_memory_reserved(), torch.cuda.memory_reserved()
            self.say("memory", "of the GPU", kept_gb=round(kept / 1e9, 2), peak_gb=round(peak / 1e9, 2))


def distance(ours: torch.Tensor, exact: torch.Tensor) -> float:
    return float(f"{((ours - exact).norm() / exact.norm()).item():.2e}")


def operations(shape: Shape, recipe: Recipe) -> float:
    """Floating-point operations of one row's pass: products and attention of every block."""
    tokens = recipe.scheme.latents * (recipe.size // 16) ** 2
    products = 2 * tokens * (6 * shape.dim**2 + 2 * shape.dim * shape.ffn)
    seen = tokens + shape.text_len + IMAGE_TOKENS + shape.audio_tokens
    return float(shape.layers * (products + 4 * tokens * seen * shape.dim))


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="small sizes on the CPU: whether it runs, not how fast")
    parser.add_argument("--only", default=",".join(SECTIONS), help=f"some of {', '.join(SECTIONS)}")
    parser.add_argument(
        "--windows", default="13,9,25,49", help="pictures of a window, some of these; the first is taken for the rest"
    )
    options = parser.parse_args(arguments)
    if not options.tiny and not torch.cuda.is_available():
        raise SystemExit("There is no GPU here: --tiny tries the bench itself.")
    sections, windows = options.only.split(","), [int(window) for window in options.windows.split(",")]
    models = RandomModels(TINY, "cpu", 8, WAV2VEC) if options.tiny else RandomModels(Shape(), "cuda")
    bench = Bench(models, 64 if options.tiny else 512, 1 if options.tiny else 7)
    generators = {window: bench.generator(window) for window in windows}
    for generator in generators.values():
        bench.likeness(generator)
    peak = bench.peak()
    if "reference" in sections:
        bench.reference(windows)
    if "passes" in sections:
        bench.passes(generators, peak)
    if "vae" in sections:
        bench.vae()
    elif bench.cuda:
        models.codec.optimise()
    if "windows" in sections:
        bench.windows(generators)
    bench.memory()
    if "sessions" in sections:
        bench.sessions(generators[windows[0]], "bf16" if bench.cuda else "fp32")
    if "fp8" in sections and not options.tiny:
        bench.fp8(generators[windows[0]])
    sys.stdout.write(json.dumps(bench.results) + "\n")
    return bench.results


if __name__ == "__main__":
    main()
