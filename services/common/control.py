"""What is ordered on the sessions' control channels: the one loop that follows them."""

from collections.abc import Awaitable, Callable

from pydantic import ValidationError

from services.common.bus import Bus
from services.common.errors import Problem
from services.common.logs import logger
from services.common.messages import CONTROL_PATTERN, CONTROLS, Control


async def follow_control(bus: Bus, obey: Callable[[Control], Awaitable[None]]) -> None:
    """Hand every order to `obey`, in their order, without end. What cannot be read is logged and passed over, and so is
    an order that `obey` answers with a `Problem`: mostly it is for a session of another process."""
    async for channel, text in bus.subscribe(CONTROL_PATTERN):
        try:
            control = CONTROLS.validate_json(text)
        except ValidationError as error:
            logger().warning("not a control message", channel=channel, reason=str(error.errors()[0]["msg"]))
            continue
        try:
            await obey(control)
        except Problem as problem:
            logger().debug("order not followed", channel=channel, reason=problem.detail)
