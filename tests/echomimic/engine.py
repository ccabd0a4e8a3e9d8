"""The real engine on the CPU, with small random weights."""

import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from services.renderer.echomimic.engine import EchoMimicEngine
from services.renderer.echomimic.performer import EchoMimicPerformer
from services.renderer.echomimic.stage import WindowJob
from services.renderer.engine import Frame, Moment
from services.renderer.settings import RendererSettings
from tests.echomimic import published
from tests.renderer.speaking import tone

AVATARS = Path("services/renderer/avatars")
STEPS = 4


def settings(folder: Path, **changed: Any) -> RendererSettings:
    """Weights, cache and avatars for a small engine; what it costs is in seconds."""
    if not (folder / "models").exists():
        published.write(folder / "models")
    small = {
        "render_engine": "echomimic",
        "models_dir": folder / "models",
        "avatars_dir": AVATARS,
        "echomimic_cache_dir": folder / "cache",
        "echomimic_size": 64,
        "echomimic_steps": STEPS,
        "echomimic_guided_steps": (0, 1),
        "log_level": "error",
    }
    return RendererSettings.model_validate(small | changed)


class Watched(EchoMimicPerformer):
    """A performer whose deliveries can be waited for, and are kept."""

    def __init__(self, engine: EchoMimicEngine, avatar: str = "joe") -> None:
        self.news = threading.Condition()
        self.jobs: list[WindowJob] = []
        self.delivered: list[Frame] = []
        super().__init__(engine._stage, engine._avatars[avatar], engine._recipe, 0)
        submit = self._stage.submit

        def noted(job: WindowJob) -> None:
            self.jobs.append(job)
            submit(job)

        self._stage = SimpleNamespace(submit=noted)  # type: ignore[assignment]

    def deliver(self, job: WindowJob, pictures: list[Frame]) -> None:
        super().deliver(job, pictures)
        with self.news:
            self.delivered += pictures
            self.news.notify_all()

    def finish(self, job: WindowJob) -> None:
        super().finish(job)
        with self.news:
            self.news.notify_all()

    def wait(self, condition: Callable[[], object]) -> None:
        with self.news:
            assert self.news.wait_for(condition, timeout=60)

    def speak(self, turn: int, ms: int, level: float = 0.5) -> None:
        """A whole turn at once."""
        self.hear(turn, 0, tone(ms, level=level), 16_000, [])
        self.end(turn)

    def pictures(self) -> int:
        return 0 if self._turn is None else len(self._turn.reel)

    def show(self, at: float, turn: int, t: float | None) -> Frame:
        return np.array(self.frame(Moment(at, turn, t)))
