"""Tests as an ordinary user, where they run as root, whom no permission stops."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534


@contextmanager
def unprivileged(folder: Path) -> Iterator[None]:
    """What is in `folder` belongs to an ordinary user, who runs what is inside the context."""
    if os.geteuid():
        yield
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    # The folders above it are pytest's own, for root alone.
    above = [path for path in folder.parents if path.stat().st_uid == 0 and path.stat().st_mode & 0o777 == 0o700]
    for path in above:
        path.chmod(0o711)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        for path in above:
            path.chmod(0o700)
