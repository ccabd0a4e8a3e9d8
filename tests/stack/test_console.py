"""What the services print comes out whole, behind the name of who printed it."""

import io

import pytest

from services.stack.child import LONGEST_LINE, Lines
from services.stack.console import Console


class Screen(io.BytesIO):
    """A terminal that can be read."""

    def isatty(self) -> bool:
        return True


def lines_of(*chunks: bytes) -> list[bytes]:
    lines = Lines()
    ended = [line for chunk in chunks for line in lines.feed(chunk)]
    return [*ended, *lines.end()]


def printed(line: bytes) -> str:
    out = io.BytesIO()
    Console(out, ["tts"]).line("tts", line)
    return out.getvalue().decode()


@pytest.mark.parametrize(
    ("chunks", "lines"),
    [
        ([b"one\ntwo\n"], [b"one", b"two"]),
        ([b"o", b"n", b"e\nt", b"wo\n"], [b"one", b"two"]),
        ([b"no end"], [b"no end"]),
        ([b"\n", b"\n"], [b"", b""]),
        ([b"\xc3", b"\xa9\n"], [b"\xc3\xa9"]),
        ([], []),
    ],
)
def test_lines_are_put_together(chunks: list[bytes], lines: list[bytes]) -> None:
    """However a line comes in pieces it goes out as one."""
    assert lines_of(*chunks) == lines


def test_a_long_line_is_whole_but_not_kept_for_ever() -> None:
    """Hundreds of thousands of bytes make one line; what never ends comes out in pieces."""
    long = b"x" * (LONGEST_LINE // 2)
    assert lines_of(long[:9], long[9:] + b"\n") == [long]
    endless = [b"x" * 65536] * 40
    pieces = lines_of(*endless)
    assert len(pieces) > 1
    assert b"".join(pieces) == b"".join(endless)


def test_each_line_stands_behind_its_name() -> None:
    """All names take the same room, and without a terminal there are no colours."""
    out = io.BytesIO()
    console = Console(out, ["redis", "orchestrator-api"])
    console.line("redis", b"here")
    console.say("ready")
    assert out.getvalue() == b"redis            | here\nup               | ready\n"


def test_each_service_has_a_colour_on_a_terminal() -> None:
    """Prefixes differ in colour from service to service; the text and the supervisor's own lines have none."""
    screen = Screen()
    console = Console(screen, ["tts", "asr"])
    console.line("tts", b"one")
    console.line("asr", b"two")
    console.say("ready")
    assert screen.getvalue() == b"\033[36mtts | \033[0mone\n\033[33masr | \033[0mtwo\nup  | ready\n"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"\xff\xfe bytes", "tts | �� bytes\n"),
        ("é – 日本".encode(), "tts | é – 日本\n"),
        (b"windows\r", "tts | windows\n"),
        (b"10 %\r20 %", "tts | 10 %\ntts | 20 %\n"),
        (b"a\x0bb\xe2\x80\xa8c", "tts | a\x0bb\u2028c\n"),
        (b"", "tts | \n"),
    ],
)
def test_a_line_is_shown_as_it_is(line: bytes, shown: str) -> None:
    """Bytes that are no text are marked; nothing but an end of line makes a new one."""
    assert printed(line) == shown


def test_muted_it_prints_nothing() -> None:
    """Nothing comes out any more, of a service or of the supervisor."""
    out = io.BytesIO()
    console = Console(out, ["tts"])
    console.muted = True
    console.line("tts", b"redis is gone")
    console.say("ready")
    assert out.getvalue() == b""
