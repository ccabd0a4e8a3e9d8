"""How many watch each session, and what becomes of one that nobody watches."""

import asyncio
from collections.abc import Callable

from services.common.logs import logger
from services.orchestrator_api.lib.sessions.grants import Grants
from services.orchestrator_api.lib.sessions.live import Sessions
from services.orchestrator_api.lib.upstream.gateway import Gateway
from services.orchestrator_api.lib.upstream.http import ServiceError

WATCH_S = 2.0


async def watch(
    sessions: Sessions, gateway: Gateway, grants: Grants, *, clock: Callable[[], float], linger_s: float
) -> None:
    """Count viewers and close each session that nobody has watched for `linger_s`, without end."""
    while True:
        await _count_viewers(sessions, gateway, grants, clock)
        now = clock()
        for session in sessions.all():
            if now - session.seen_at > linger_s and sessions.find(session.id):
                logger().info("nobody watches any more", session=session.id)
                await sessions.close(session.id)
        await asyncio.sleep(WATCH_S)


async def _count_viewers(sessions: Sessions, gateway: Gateway, grants: Grants, clock: Callable[[], float]) -> None:
    try:
        viewers = await gateway.viewers(grants.for_own_call())
    except ServiceError as error:
        logger().debug("the gateway cannot be asked for viewers", reason=error.detail)
        viewers = None
    for session in sessions.all():
        if viewers is not None:
            session.viewers = viewers.get(session.id, 0)
        # While the gateway is away nobody can watch: the time does not count against the session.
        if viewers is None or session.viewers:
            session.seen_at = clock()
