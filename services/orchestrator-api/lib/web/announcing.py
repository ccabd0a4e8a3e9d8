"""What the log says while the orchestrator starts."""

import asyncio
from collections.abc import Mapping

from services.common.logs import logger
from services.common.service import Check


async def announce(url: str, checks: Mapping[str, Check], every_s: float = 0.5) -> None:
    """Say in the log what is waited for, when that changes, and at last what to open; nothing without an address."""
    if not url:
        return
    told: list[str] = []
    while True:
        found = await asyncio.gather(*(check() for check in checks.values()))
        missing = [name for name, reason in zip(checks, found, strict=True) if reason]
        if not missing:
            logger().info(f"FlashbackAvatars is ready: open {url}")
            return
        if missing != told:
            logger().info(f"waiting for {', '.join(missing)}; GET /readyz says why")
            told = missing
        await asyncio.sleep(every_s)
