"""Notices that something in a folder changed. The folder may come and go."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

from watchfiles import Change, awatch
from watchfiles._rust_notify import WatchfilesRustInternalError

from services.common.logs import logger

LOOK_MS = 1000
"""How often the folder itself is looked at: no event tells that it is back."""
LONGEST_WAIT = 10
"""A folder that is never quiet is reported all the same, after this many times the settling time."""


async def changes(folder: Path, settle_ms: int, ignore: Path) -> AsyncGenerator[None]:
    """Yields when the folder was changed and then left alone for `settle_ms`; first once it is watched. Never ends.

    Both paths are absolute and without links. Hidden files do not count, nor does what is below `ignore`. Where the
    system cannot tell (too many folders to watch), the folder is compared with what it was.
    """
    polling = False
    while True:
        if (watched := _identity(folder)) is None:
            await asyncio.sleep(LOOK_MS / 1000)
            continue
        first = True
        try:
            async for found in awatch(
                folder,
                watch_filter=lambda _, path: counts(Path(path), folder, ignore),
                step=settle_ms,
                debounce=settle_ms * LONGEST_WAIT,
                rust_timeout=LOOK_MS,
                yield_on_timeout=True,
                force_polling=polling,
            ):
                if first or found:
                    first = False
                    yield
                # A new folder may have the number of the one that was removed: then only the removal tells.
                if _identity(folder) != watched or (Change.deleted, str(folder)) in found:
                    break
        except FileNotFoundError:
            continue
        except (OSError, WatchfilesRustInternalError) as error:
            if not polling:
                logger().warning("the folder cannot be watched and is looked through instead", reason=str(error))
            polling = True
            await asyncio.sleep(LOOK_MS / 1000)


def counts(path: Path, folder: Path, ignore: Path) -> bool:
    """Whether a change of this path is one of the documents' folder."""
    if path.is_relative_to(ignore) or not path.is_relative_to(folder):
        return False
    return not any(part.startswith(".") for part in path.relative_to(folder).parts)


def _identity(folder: Path) -> tuple[int, int] | None:
    """What tells this folder from a new one of the same name; None if there is no folder."""
    try:
        state = folder.stat()
    except OSError:
        return None
    return (state.st_dev, state.st_ino) if folder.is_dir() else None
