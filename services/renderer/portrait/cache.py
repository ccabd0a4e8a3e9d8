"""Baked layers on disk, under a hash of everything they depend on: sources, identity, style."""

import hashlib
import os
import zipfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from services.common.logs import logger
from services.renderer.portrait.layers.baking import Layers
from services.renderer.portrait.person.identity import Identity
from services.renderer.portrait.person.styles import Style

_KEPT = 24
"""Files that stay; the oldest go first."""


def path_of(folder: Path, who: Identity, style: Style) -> Path:
    """Where the layers of this identity in this style are kept."""
    digest = hashlib.sha256(f"{_sources()}{who!r}{style!r}".encode()).hexdigest()[:16]
    return folder / f"{who.name}-{style.name}-{digest}.npz"


def load(path: Path) -> Layers | None:
    """The layers in a file; None where it is not there or damaged."""
    if not path.exists():
        return None
    try:
        with np.load(path) as stored:
            return Layers(**{name: stored[name] for name in Layers.names()})
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        logger().warning("a baked portrait is damaged and will be drawn again", file=path.name, reason=str(error))
        return None


def save(path: Path, layers: Layers) -> None:
    """Write whole or not at all, so that others who read at the same time see no half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.tmp")
    with unfinished.open("wb") as file:
        np.savez(file, **{name: getattr(layers, name) for name in Layers.names()})
    unfinished.replace(path)
    files = sorted(path.parent.glob("*.npz"), key=lambda old: old.stat().st_mtime)
    for old in files[:-_KEPT]:
        old.unlink(missing_ok=True)


@lru_cache(1)
def _sources() -> str:
    """Hash of the code that draws layers: a change of it is a change of what it drew. Values are in the key already."""
    digest = hashlib.sha256()
    for room in ("layers", "paint"):
        for source in sorted((Path(__file__).parent / room).glob("*.py")):
            digest.update(source.read_bytes())
    return digest.hexdigest()
