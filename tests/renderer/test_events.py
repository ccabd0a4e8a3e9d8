"""The feed of events, without a network."""

import asyncio
import contextlib

from services.common.messages import Caption, Playback
from services.renderer.sessions.events import EventFeed


def playing(t: int) -> Playback:
    return Playback(session="s1", turn=1, t=t)


async def drain(feed: EventFeed) -> list[str]:
    feed.close()
    return [line async for line in feed.lines()]


async def test_a_slow_reader_loses_positions_first() -> None:
    """A feed that nobody reads keeps its bound: the oldest positions go, captions and ends stay while there is room."""
    feed = EventFeed(limit=3)
    word = Caption(session="s1", turn=1, word="hello", t0=0, t1=100)
    end = Playback(session="s1", turn=1, t=300, phase="finished")
    kept = playing(200)
    for message in (word, playing(100), kept, end):
        feed.put(message)
    assert await drain(feed) == [m.model_dump_json() + "\n" for m in (word, kept, end)]


async def test_a_new_reader_takes_over() -> None:
    """Of two readers the second gets what comes, and the first one's stream ends."""
    feed = EventFeed()
    first, second = feed.lines(), feed.lines()
    feed.put(playing(100))
    assert '"t":100' in await anext(first)
    feed.put(playing(200))
    assert '"t":200' in await anext(second)
    assert [line async for line in first] == []
    feed.put(playing(300))
    assert '"t":300' in await anext(second)


async def test_abandoned_counts_from_the_last_reader() -> None:
    """A feed is abandoned only after nobody read it for the whole time."""
    feed = EventFeed()
    feed.put(playing(100))
    async with contextlib.aclosing(feed.lines()) as reader:
        await anext(reader)
        abandoned = asyncio.create_task(feed.abandoned(0.01))
        await asyncio.wait([abandoned], timeout=0.05)
        assert not abandoned.done()
    await abandoned
