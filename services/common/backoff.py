"""How long to wait between attempts at what will work again some time."""

from collections.abc import Iterator


def backoff(first_s: float, longest_s: float) -> Iterator[float]:
    """Seconds to wait after each attempt that failed, without end: twice as long each time, up to `longest_s`.

    Numbers to sleep, and not a library that calls again: who reconnects has more to do between two attempts than to
    wait (a new address, a line in the log for the first failure only), and a plain `asyncio.sleep` can be cancelled.
    """
    wait_s = min(first_s, longest_s)
    while True:
        yield wait_s
        wait_s = min(2 * wait_s, longest_s)
