"""What a session measures of itself, on virtual time."""

from services.renderer.sessions.reporting import FrameRate, TurnMeter


def test_frame_rate_over_five_seconds() -> None:
    """The rate is that of the last five seconds, and 0 before there are two pictures."""
    rate = FrameRate()
    assert rate.value == 0
    for i in range(150):
        rate.add(i / 30)
    for i in range(76):
        rate.add(5 + i / 15)
    assert abs(rate.value - 15) < 0.01


def test_a_turns_report_holds_its_worst_skew_and_first_picture() -> None:
    """The first picture counts from the first speech; of the skews the largest is told; what is not known is absent."""
    meter = TurnMeter(4, at=10.0)
    assert meter.report("s1", 0.0).render_ttff is None
    assert meter.showed(10.05, 3.0) == 10.05 - 10.0
    assert meter.showed(10.12, -9.0) is None
    meter.showed(10.18, 5.0)
    meter.ticked(400)
    meter.ticked(300)
    report = meter.report("s1", 15.0)
    assert (report.turn, report.render_ttff, report.av_skew_ms, report.buffer_ms) == (4, 50.0, -9.0, 350.0)
