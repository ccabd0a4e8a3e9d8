"""How far speech runs ahead."""

from services.orchestrator_api.lib.speaking.pacing import MARGIN_MS, Pace


def test_nothing_waits_while_there_is_room() -> None:
    """Speech that fits the buffer is sent at once."""
    pace = Pace(2500)
    assert pace.wait_s(320, now=10) == 0
    pace.accepted(2000, now=10)
    assert pace.wait_s(320, now=10) == 0


def test_speech_waits_until_enough_was_played() -> None:
    """The wait is exactly what has to be played before the message fits."""
    pace = Pace(2500)
    pace.accepted(2400, now=10)
    assert pace.wait_s(320, now=10) == (2400 + 320 + MARGIN_MS - 2500) / 1000
    assert pace.wait_s(320, now=10.1) < pace.wait_s(320, now=10)
    assert pace.wait_s(320, now=11) == 0


def test_an_empty_buffer_does_not_go_below_nothing() -> None:
    """However long ago the last message was, no more than the buffer may be ahead."""
    pace = Pace(1000)
    pace.accepted(500, now=0)
    assert pace.buffered_ms(now=100) == 0
    assert pace.wait_s(1200, now=100) == (1200 + MARGIN_MS - 1000) / 1000


def test_what_is_held_does_not_drain() -> None:
    """While the renderer stands still the estimate does, too; then it goes on from there."""
    pace = Pace(1000)
    pace.accepted(800, now=0)
    pace.hold(now=0.1)
    pace.hold(now=5)  # it is held already
    assert pace.buffered_ms(now=60) == 700
    pace.accepted(900, now=61)
    assert pace.buffered_ms(now=70) == 900
    pace.release(now=100)
    assert pace.buffered_ms(now=100.5) == 400
