"""Keeps one session's avatar on the air: hears what it plays, and brings it back when it is lost."""

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Iterator

from services.common.logs import logger
from services.common.messages import Event
from services.orchestrator_api.lib.upstream.http import ServiceError
from services.orchestrator_api.lib.upstream.renderer import PutOnAir, Renderer

RETRY_S = (0.1, 0.2, 0.4, 0.8, 1.6, 2.0)
"""Waits between attempts to bring a lost avatar back; the last one repeats. They go on growing while connections
break as soon as they are made, which a library that retries a single call does not know of."""

STEADY_S = 5.0
"""A connection that held for so long is worth an immediate attempt once it breaks."""


async def stay_on_air(
    session: str,
    renderer: Renderer,
    order: Callable[[], PutOnAir],
    *,
    clock: Callable[[], float],
    heard: Callable[[Event], None],
    lost: Callable[[], None],
) -> None:
    """Without end. `heard` takes the renderer's events in order; `lost` is called each time that they break off."""
    waits = _waits()
    while True:
        connected_at = clock()
        try:
            async with contextlib.aclosing(renderer.events(session)) as events:
                async for event in events:
                    heard(event)
            logger().warning("the renderer ended the session's events")
        except ServiceError as error:
            logger().warning("the renderer's events broke off", reason=error.detail)
        lost()
        if clock() - connected_at > STEADY_S:
            waits = _waits()
        await _reopen(renderer, order, waits)


async def _reopen(renderer: Renderer, order: Callable[[], PutOnAir], waits: Iterator[float]) -> None:
    while True:
        await asyncio.sleep(next(waits))
        try:
            await renderer.open(order())
        except ServiceError as error:
            logger().debug("the avatar is not back yet", reason=error.detail)
        else:
            logger().info("the avatar is back")
            return


def _waits() -> Iterator[float]:
    return itertools.chain(RETRY_S, itertools.repeat(RETRY_S[-1]))
