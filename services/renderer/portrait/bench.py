"""Milliseconds a frame, on one core: `python -m services.renderer.portrait.bench`. The last line is JSON."""

import json
import sys
import time

import numpy as np

from services.renderer.portrait import cache
from services.renderer.portrait.acting.pose import Pose
from services.renderer.portrait.bake import bake_to_cache
from services.renderer.portrait.drawing.face import Face
from services.renderer.portrait.person.people import PEOPLE
from services.renderer.portrait.person.styles import STYLES, graded
from services.renderer.portrait.rehearsal import SENTENCE_MS, performance
from services.renderer.settings import RendererSettings

_FRAMES = 150


def measured(face: Face, poses: list[Pose]) -> dict[str, float]:
    """Wall time of each frame, and processor time, which a busy machine does not change as much; ms."""
    face.draw(poses[0])
    walls, began = [], time.process_time()
    for pose in poses:
        start = time.perf_counter()
        face.draw(pose)
        walls.append((time.perf_counter() - start) * 1000)
    cpu = (time.process_time() - began) * 1000 / len(poses)
    return {
        "mean_ms": round(float(np.mean(walls)), 2),
        "p95_ms": round(float(np.quantile(walls, 0.95)), 2),
        "cpu_ms": round(cpu, 2),
    }


def main() -> None:
    settings, results = RendererSettings(), {}
    for name, who in PEOPLE.items():
        path = bake_to_cache(settings.render_cache_dir, name, "studio", settings.style_cfg)
        began = time.perf_counter()
        layers = cache.load(path)
        if layers is None:
            raise SystemExit(f"{path} could not be read back.")
        face = Face(who, graded(STYLES["studio"], settings.style_cfg), layers)
        results[f"{name}_load_ms"] = {"mean_ms": round((time.perf_counter() - began) * 1000, 1)}
        seconds = _FRAMES / 15
        results[f"{name}_idle"] = measured(face, performance(who, seconds, first_s=seconds))
        results[f"{name}_speaking"] = measured(face, performance(who, seconds, first_s=0, every_s=SENTENCE_MS / 1000))
    for what, numbers in results.items():
        sys.stdout.write(f"{what:14} " + "  ".join(f"{k} {v:6.2f}" for k, v in numbers.items()) + "\n")
    sys.stdout.write(json.dumps(results) + "\n")


if __name__ == "__main__":
    main()
