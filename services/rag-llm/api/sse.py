"""Server-sent events, as both ways of asking stream them."""

from collections.abc import AsyncGenerator

from fastapi.sse import EventSourceResponse


def event_stream(events: AsyncGenerator[bytes]) -> EventSourceResponse:
    """Events that `fastapi.sse.format_sse_event` has written, as a response that no cache keeps.

    It is made once the passages are found, so what keeps a question from being answered still has a status of its own.
    FastAPI would write the events itself for a route that yields them; such a route has said 200 before it begins.
    """
    return EventSourceResponse(events, headers={"Cache-Control": "no-store"})
