"""The waits between attempts."""

from itertools import islice

from services.common.backoff import backoff


def test_waits_grow_to_a_bound() -> None:
    """Each is twice the one before, and none is longer than the longest."""
    assert list(islice(backoff(0.25, 2.0), 6)) == [0.25, 0.5, 1.0, 2.0, 2.0, 2.0]
    assert list(islice(backoff(0.1, 2.0), 7)) == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    assert list(islice(backoff(3.0, 2.0), 2)) == [2.0, 2.0]
