"""A real tts service with the XTTS engine: random weights, small, on the CPU; the bus is in memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from services.tts.settings import TtsSettings
from services.tts.sound import Sound
from tests.tts.conftest import Tts, serving
from tests.xtts.published import TINY, publish, small_vocoder
from tests.xtts.tracker import Foretold

torch.set_num_threads(1)  # small models lose more to the handing over than they gain
small_vocoder()


SPEAKER = "xtts-damien-black"


def recording(seed: int = 1) -> Sound:
    """Eight seconds that pass as one person in a quiet room: a voiced buzz in syllables."""
    rate = 22050
    t = np.arange(8 * rate) / rate
    hz = 110 * 2 ** (np.sin(2 * np.pi * 0.4 * t + seed) / 12)
    buzz = sum(np.sin(2 * np.pi * np.cumsum(k * hz) / rate) / k for k in range(1, 12))
    syllables = np.clip(np.sin(2 * np.pi * 2 * t) + 0.6, 0, 1)
    room = np.random.default_rng(seed).normal(0, 0.0003, len(t))
    return np.asarray(0.2 * buzz * syllables + room, np.float32)


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return publish(tmp_path_factory.mktemp("weights"), TINY)


@pytest.fixture(scope="session", autouse=True)
def foretold() -> Iterator[None]:
    """The engine's mouth shapes are the test's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("services.tts.visemes.tracking.track_line", Foretold)
        yield


@contextmanager
def xtts(weights: Path, voices: Path, **settings: object) -> Iterator[Tts]:
    """The service, until the block ends."""
    chosen = {"tts_engine": "xtts", "xtts_dir": str(weights), "voices_dir": str(voices), "xtts_voices": 4} | settings
    with serving(TtsSettings.model_validate(chosen)) as tts:
        yield tts


@pytest.fixture(scope="session")
def tts(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tts]:
    with xtts(weights, tmp_path_factory.mktemp("voices")) as service:
        yield service
