"""The heartbeat of every service: that it is alive, and how busy."""

import asyncio
import secrets
import socket
from collections.abc import Callable

from services.common.bus import Bus
from services.common.messages import SERVICES_CHANNEL, Heartbeat

HEARTBEAT_S = 2.0

INSTANCE = f"{socket.gethostname()}-{secrets.token_hex(4)}"
"""Names this run of this process. A process number would not do: in containers it is the same for each run."""


async def beat(bus: Bus, heartbeat: Callable[[], Heartbeat]) -> None:
    """Publish what `heartbeat` returns, every `HEARTBEAT_S`, without end. While the bus is away the beats are lost."""
    while True:
        await bus.publish(SERVICES_CHANNEL, heartbeat())
        await asyncio.sleep(HEARTBEAT_S)
