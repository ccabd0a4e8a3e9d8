"""How large the images of the default profile are, and how long they take to build: cold, warm, and after an edit.

Cold means that the builder's cache is emptied first, so every package is fetched again; the base images are there.
`python -m tests.bench.images`; JSON on the last line.
"""

import json
import subprocess
import time
from pathlib import Path

from services.stack.environment import ROOT
from tests.bench.report import say

OWN = ("orchestrator-api", "sfu-gateway", "rag-llm", "tts", "renderer", "asr")
EDITED = ROOT / "services/common/__init__.py"
"""A file of every Python image: no everyday edit costs a longer build."""


def main() -> None:
    images = [f"flashback-avatars/{name}" for name in OWN] + ["redis:7-bookworm"]
    say("Emptying the builder's cache")
    run("docker", "builder", "prune", "--all", "--force")
    numbers: dict[str, object] = {"cold_build_s": build(), "warm_build_s": build(), "edited_build_s": edited(EDITED)}
    say("Adding up the images")
    sizes = {image: int(run("docker", "image", "inspect", "--format", "{{.Size}}", image)) / 1e6 for image in images}
    numbers["image_mb"] = {image.rpartition("/")[2]: round(size, 1) for image, size in sizes.items()}
    numbers["sum_of_all_mb"] = round(sum(sizes.values()), 1)
    numbers["together_mb"] = round(together(images), 1)
    say("")
    for name, value in numbers.items():
        say(f"{name:16} {value}")
    say("(together: with shared layers once, as `docker save` writes them)")
    say(json.dumps(numbers))


def build() -> float:
    """Seconds that `docker compose build` takes."""
    say("docker compose build")
    began = time.monotonic()
    run("docker", "compose", "build", "--quiet")
    return round(time.monotonic() - began, 1)


def edited(path: Path) -> float:
    """Seconds that a build takes after an edit of this file. The edit is undone."""
    before = path.read_bytes()
    try:
        path.write_bytes(before + f"\n# {time.time_ns()}\n".encode())
        return build()
    finally:
        path.write_bytes(before)


def together(images: list[str]) -> float:
    """Megabytes of all layers of these images, shared ones counted once."""
    size = 0
    with subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE) as saving:
        assert saving.stdout
        while block := saving.stdout.read(1 << 20):
            size += len(block)
    return size / 1e6


def run(*command: str) -> str:
    """What the command prints, without the last newline; `CalledProcessError` if it fails."""
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
