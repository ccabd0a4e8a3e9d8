"""The heartbeat of every service: that it is alive, and how busy."""

import asyncio
import secrets
import socket
from collections.abc import Callable

from services.common.bus import Bus
from services.common.messages import SERVICES_CHANNEL, Heartbeat

HEARTBEAT_S = 2.0

INSTANCE = f"{socket.gethostname()}-{secrets.token_hex(4)}"
"""This run of this process. Another run has another one, in a container too, where each process has the same number."""


async def beat(bus: Bus, heartbeat: Callable[[], Heartbeat]) -> None:
    """Say how things stand now, every two seconds, without end. A bus that is away misses a beat."""
    while True:
        await bus.publish(SERVICES_CHANNEL, heartbeat())
        await asyncio.sleep(HEARTBEAT_S)
