"""Speech by the HTTP API, and the events that it makes."""

from tests.renderer.conftest import Renderer
from tests.renderer.gateway import Received, until
from tests.renderer.problems import problem
from tests.renderer.speaking import message, tone


async def test_playback_captions_and_metrics_are_told_in_order(renderer: Renderer) -> None:
    """The events of a turn: started, positions and captions as they are heard, finished, then its metrics."""
    await renderer.open()
    spoken = [{"t0": 0, "t1": 140, "text": "hello"}, {"t0": 150, "t1": 390, "text": "there"}]
    async with renderer.listening() as events:
        taken = await renderer.say(message(0, tone(400), turn=3, words=spoken, final=True))
        assert taken.json() == {"turn": 3, "buffered_ms": 400, "dropped": False}
        await renderer.finished(events, 3)
    assert [e.get("phase") or e.get("word") or e["type"] for e in events] == [
        *("started", "hello", "playing", "there", "playing", "playing", "finished", "metrics")
    ]
    assert {e["session"] for e in events} == {"s1"}
    assert {e["turn"] for e in events} == {3}
    metrics = events[-1]
    assert metrics["render_ttff"] > 0
    assert metrics["underruns_total"] == 0
    assert metrics["final_fps"] > 0
    assert metrics["e2e_latency"] is None


async def test_a_cancelled_turn_is_over(renderer: Renderer) -> None:
    """A cancelled turn's metrics are its last event, and its late speech is dropped; the next turn is spoken."""
    await renderer.open()
    async with renderer.listening() as events:
        await renderer.say(message(0, tone(1000)))
        await until(lambda: events)
        heard = (await renderer.cancel(1)).json()["heard_ms"]
        assert 0 < heard < 1000
        assert (await renderer.say(message(1000, tone(200)))).json() == {"turn": 1, "buffered_ms": 0, "dropped": True}
        assert (await renderer.cancel(1)).json() == {"heard_ms": heard}
        await renderer.say(message(0, tone(200), turn=2, final=True))
        await renderer.finished(events, 2)
    turns = [e["turn"] for e in events]
    assert turns == sorted(turns)
    assert [e["type"] for e in events if e["turn"] == 1][-1] == "metrics"
    assert not any(e.get("phase") == "finished" for e in events if e["turn"] == 1)


async def test_a_paused_turn_is_silent_until_it_goes_on(renderer: Renderer) -> None:
    """Paused, it says once it is silent how much was heard, and nothing more happens; resumed, it goes on there."""
    await renderer.open()
    async with renderer.listening() as events:
        await renderer.say(message(0, tone(1000), final=True))
        await until(lambda: len(events) > 2)
        heard = (await renderer.order("pause", 1)).json()["heard_ms"]
        assert 0 < heard < 1000
        received = renderer.gateway.latest
        await pictures(received, 4)  # what was on its way has arrived
        told = list(events)
        await pictures(received, 4)
        assert events == told
        assert received.level() < 0.01
        assert (await renderer.order("pause", 1)).json() == {"heard_ms": heard}
        assert (await renderer.order("resume", 1)).json() == {"heard_ms": heard}
        await renderer.finished(events, 1)
    assert [e["t"] for e in events if e.get("phase") == "finished"] == [1000]
    assert events[-1]["underruns_total"] == 0


async def pictures(received: Received, more: int) -> None:
    """Returns once so many more have come."""
    enough = len(received.pictures) + more
    await until(lambda: len(received.pictures) >= enough)


async def test_cancelling_a_paused_turn(renderer: Renderer) -> None:
    """What was heard stays known, and the next turn is spoken."""
    await renderer.open()
    async with renderer.listening() as events:
        await renderer.say(message(0, tone(1000)))
        await until(lambda: events)
        heard = (await renderer.order("pause", 1)).json()["heard_ms"]
        assert (await renderer.cancel(1)).json() == {"heard_ms": heard}
        assert (await renderer.order("resume", 1)).json() == {"heard_ms": heard}
        await renderer.say(message(0, tone(200), turn=2, final=True))
        await renderer.finished(events, 2)
    assert not any(e.get("phase") == "finished" for e in events if e["turn"] == 1)


async def test_the_short_form_is_spoken(renderer: Renderer) -> None:
    """A message without turn, words and final is spoken as a new turn."""
    await renderer.open()
    async with renderer.listening() as events:
        body = message(0, tone(200), turn=None, visemes=[{"t": 0, "v": "AA"}, {"t": 90, "v": "EH"}])
        assert (await renderer.say(body)).json()["turn"] == 1
        await renderer.finished(events, 1)
    assert [e["phase"] for e in events if e["type"] == "playback"][-1] == "finished"


async def test_a_full_buffer_refuses(renderer: Renderer) -> None:
    """Speech beyond BUFFER_SECONDS gets 429 with Retry-After and does not disturb what is spoken."""
    await renderer.open()
    await renderer.say(message(0, tone(2400), final=False))
    refused = await renderer.say(message(2400, tone(2400)))
    problem(refused, 429, "2500 ms")
    assert int(refused.headers["Retry-After"]) >= 1
    view = (await renderer.http.get("/v1/sessions")).json()["sessions"][0]
    assert 0 < view["buffered_ms"] <= 2400
