"""A real tts service with the XTTS engine: random weights, small, on the CPU; the bus is in memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from services.tts.settings import TtsSettings
from tests.tts.conftest import Tts, serving
from tests.xtts.published import TINY, publish, small_vocoder
from tests.xtts.tracker import Foretold

torch.set_num_threads(1)  # small models lose more to the handing over than they gain
small_vocoder()


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
