"""From the files on the disk to an engine that is ready, in steps that are logged and timed."""

import gc
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from services.common.logs import logger
from services.renderer.echomimic.generator import Generator, Likeness
from services.renderer.echomimic.networks.audio_encoder import load_audio_encoder
from services.renderer.echomimic.networks.encoders import embed_image, embed_text, load_image_encoder, load_text_encoder
from services.renderer.echomimic.networks.fp8 import use_fp8
from services.renderer.echomimic.networks.layout import Layout, load_transformer
from services.renderer.echomimic.networks.passes import Row
from services.renderer.echomimic.networks.transformer import Modulation
from services.renderer.echomimic.networks.vae import load_codec
from services.renderer.echomimic.performer import Avatar
from services.renderer.echomimic.recipe import Recipe
from services.renderer.echomimic.sound import sample_at
from services.renderer.echomimic.stage import Stage, WindowJob
from services.renderer.engine import EngineUnavailableError, Frame

IDLE_WINDOWS = 5
"""Windows of silence that the idle loop is made of: with 13 pictures each, eight seconds there and back."""

TEXT_LENGTH = 512


class LoadingProgress:
    """Logs each step of the start when it begins, and how long it took, s."""

    def __init__(self, steps: int) -> None:
        self._steps, self._done = steps, 0
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """What happens within counts as one step of the start."""
        self._done += 1
        number = f"{self._done}/{self._steps}"
        logger().info("echomimic starts", step=number, what=what)
        begun = time.monotonic()
        yield
        self.seconds[what] = round(time.monotonic() - begun, 1)
        logger().info("echomimic starts", step=number, what=what, seconds=self.seconds[what])


def precision(device: str) -> torch.dtype:
    """What the networks are computed in: bf16 on a GPU, fp32 elsewhere."""
    return torch.bfloat16 if device == "cuda" else torch.float32


def embedded_prompt(layout: Layout, prompt: str, cache: Path, device: str) -> Tensor:
    """T5's embedding of the prompt: from the cache, or from T5, which is gone again afterwards."""
    state = layout.text.stat() if layout.text.exists() else None
    mark = f"{prompt}\n{state.st_size if state else 0}\n{state.st_mtime_ns if state else 0}"
    known = cache / f"prompt-{hashlib.sha256(mark.encode()).hexdigest()[:16]}.safetensors"
    if known.exists():
        return load_file(known)["text"]
    encoder = load_text_encoder(layout.text, device, precision(device))
    text = embed_text(encoder, layout.tokenizer, prompt, TEXT_LENGTH).cpu().contiguous()
    del encoder
    free(device)
    cache.mkdir(parents=True, exist_ok=True)
    unfinished = known.with_suffix(f".{os.getpid()}")
    save_file({"text": text}, unfinished)
    unfinished.replace(known)
    return text


def embedded_portraits(layout: Layout, portraits: dict[str, Frame], device: str) -> dict[str, Tensor]:
    """CLIP's embedding of each portrait; CLIP is gone again afterwards."""
    encoder = load_image_encoder(layout.image, device, precision(device))
    images = {name: embed_image(encoder, picture[..., ::-1].copy()) for name, picture in portraits.items()}
    del encoder
    free(device)
    return images


def load_generator(layout: Layout, text: Tensor, recipe: Recipe, device: str, *, fp8: bool = False) -> Generator:
    """The networks that stay in memory. Raises `WeightsError`."""
    dtype = precision(device)
    audio_encoder = load_audio_encoder(layout.audio, device, dtype)
    codec = load_codec(layout.vae, device, dtype)
    transformer = load_transformer(layout, audio_encoder.layers, device, dtype)
    generator = Generator(transformer, codec, audio_encoder, text, recipe)
    if fp8:
        use_fp8(transformer)
    return generator


def optimise(generator: Generator, likeness: Likeness, rows: int) -> None:
    """Compile, and capture the graphs of 1, 2, 4, … `rows` rows. Inductor keeps what it compiled for the next start."""
    generator.passes.compile()
    generator.capture_audio_encoder()
    generator.codec.optimise()
    silence = np.zeros(sample_at(generator.recipe.audio_pictures), np.float32)
    window = generator.prepare(likeness, silence, None)
    step = Modulation(*(table[0] for table in generator.modulations))
    row = Row(window.latents, window.given, step, window.image, window.audio)
    for count in (1, 2, 4, 8):
        if count <= rows:
            generator.passes.capture(row, count)


class _Listener:
    """Fills `Client`: takes what comes of silence."""

    def __init__(self) -> None:
        self.pictures: list[Frame] = []
        self.over = threading.Event()

    def deliver(self, job: WindowJob, pictures: list[Frame]) -> None:
        self.pictures += pictures

    def finish(self, job: WindowJob) -> None:
        self.over.set()

    def lost(self, failure: Future[None]) -> None:
        """The stage has failed: nothing more comes."""
        self.over.set()


def animated(stage: Stage, likeness: Likeness, recipe: Recipe) -> Avatar:
    """The avatar with its idle loop: it listens in silence, from the portrait on. Raises `EngineUnavailableError`."""
    silence = np.zeros(sample_at(recipe.audio_pictures), np.float32)
    pictures, tail = [likeness.portrait], None
    for _ in range(IDLE_WINDOWS):
        listener = _Listener()
        job = WindowJob(listener, likeness, silence, tail, due=0)
        stage.submit(job)
        stage.failure.add_done_callback(listener.lost)
        listener.over.wait()
        pictures += listener.pictures
        tail = job.tail
        if tail is None:
            raise EngineUnavailableError("The first pictures could not be made; the renderer's log has the details.")
    return Avatar(likeness, pictures)


def free(device: str) -> None:
    """Give memory that is no longer used back to the GPU."""
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()


def memory(device: str) -> dict[str, float]:
    """Gigabytes that the engine holds on the GPU."""
    return {"gigabytes": round(torch.cuda.memory_reserved() / 1e9, 1)} if device == "cuda" else {}
