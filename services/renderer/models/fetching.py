"""The published weights of EchoMimic v3 (Flash): downloaded with huggingface_hub, which resumes, then checked."""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from huggingface_hub import HfApi

CHUNK = 16 * 1024 * 1024


class FetchError(RuntimeError):
    """What could not be fetched, and what to do."""


@dataclass(frozen=True, slots=True)
class WeightsSource:
    """Some files of a repository on the hub, and the folder below the models folder that they go to."""

    repo: str
    folder: str
    files: tuple[str, ...]


SOURCES = (
    WeightsSource(
        "alibaba-pai/Wan2.1-Fun-V1.1-1.3B-InP",
        "Wan2.1-Fun-V1.1-1.3B-InP",
        ("config.json", "diffusion_pytorch_model.safetensors", "*.pth", "google/umt5-xxl/*"),
    ),
    WeightsSource(
        "TencentGameMate/chinese-wav2vec2-base",
        "chinese-wav2vec2-base",
        ("config.json", "preprocessor_config.json", "pytorch_model.bin"),
    ),
    WeightsSource("BadToBest/EchoMimicV3", "", ("echomimicv3-flash-pro/*",)),
)


def fetch(
    folder: Path, say: Callable[[str], None], sources: tuple[WeightsSource, ...] = SOURCES, hub: HfApi | None = None
) -> None:
    """Bring all sources below `folder`; what is there already, whole or in part, is kept. Raises `FetchError`."""
    hub = hub or HfApi()
    for number, source in enumerate(sources, 1):
        place = folder / source.folder
        try:
            files = _listed(hub, source)
            size = sum(file.size or 0 for file in files)
            say(f"{number}/{len(sources)} {source.repo}: {len(files)} files, {size / 1e9:.1f} GB, to {place}")
            _make_room(place, files)
            hub.snapshot_download(source.repo, allow_patterns=list(source.files), local_dir=place)
        except (httpx2.HTTPError, OSError, ValueError) as error:
            what = str(error).splitlines()[0].rstrip(".")
            raise FetchError(
                f"{source.repo} could not be fetched: {what}. What is there is kept: run it again. HF_ENDPOINT names "
                "another hub, HF_TOKEN who you are."
            ) from error
        for file in files:
            say(f"    checking {file.rfilename}")
            check(place / file.rfilename, file)


def _listed(hub: HfApi, source: WeightsSource) -> list[Any]:
    """The hub's own record of the files that are wanted: name, size, checksum."""
    found = hub.model_info(source.repo, files_metadata=True).siblings or []
    files = [file for file in found if any(Path(file.rfilename).match(pattern) for pattern in source.files)]
    if not files:
        raise FetchError(f"{source.repo} has none of {', '.join(source.files)}: it is laid out anew.")
    return files


def _make_room(place: Path, files: list[Any]) -> None:
    place.mkdir(parents=True, exist_ok=True)
    missing = sum(file.size or 0 for file in files if not (place / file.rfilename).exists())
    free = shutil.disk_usage(place).free
    if missing > free:
        raise FetchError(f"{place} has {free / 1e9:.1f} GB free, and {missing / 1e9:.1f} GB are to come.")


def check(path: Path, file: Any) -> None:
    """Compare a file with the hub's checksum. A damaged one is deleted. Raises `FetchError`."""
    if file.lfs is not None:
        digest, wanted = hashlib.sha256(), file.lfs.sha256
    else:  # git's own checksum of a small file
        digest, wanted = hashlib.sha1(b"blob %d\0" % path.stat().st_size), file.blob_id
    with path.open("rb") as content:
        while part := content.read(CHUNK):
            digest.update(part)
    if digest.hexdigest() != wanted:
        path.unlink()
        raise FetchError(f"{path} was damaged on its way and has been deleted: run it again.")
