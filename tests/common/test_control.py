"""The loop that follows the sessions' control channels."""

import asyncio

from pydantic import BaseModel

from services.common.bus import MemoryBus
from services.common.control import follow_control
from services.common.errors import Problem
from services.common.messages import Cancel, Close, Control, control_channel


class Nonsense(BaseModel):
    type: str = "nonsense"


async def test_what_cannot_be_read_or_followed_stops_nothing() -> None:
    """Orders come in their order; nonsense, and an order that is refused, are passed over."""
    bus, obeyed, done = MemoryBus(), list[Control](), asyncio.Event()

    async def obey(order: Control) -> None:
        if order.session == "elsewhere":
            raise Problem(404, "It is not here.")
        obeyed.append(order)
        if isinstance(order, Close):
            done.set()

    following = asyncio.create_task(follow_control(bus, obey))
    await asyncio.sleep(0)
    messages = (Nonsense(), Cancel(session="elsewhere", turn=1), Cancel(session="s", turn=2), Close(session="s"))
    for message in messages:
        await bus.publish(control_channel("s"), message)
    await asyncio.wait_for(done.wait(), 5)
    following.cancel()
    assert [type(order) for order in obeyed] == [Cancel, Close]
