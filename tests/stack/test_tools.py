"""The first minute: what is installed by which tool, and what is said of it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.stack.environment import ROOT, RUN

LOG = RUN / "log" / "a-part.log"


def variables_of_uv(**given: str) -> dict[str, str]:
    """The environment that `tools/uv` would run uv in, with `given` and nothing else that uv or pip reads."""
    ours = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "UV_", "SSL_"))}
    command = [sys.executable, str(ROOT / "tools/uv"), "env"]
    done = subprocess.run(command, env=ours | given, capture_output=True, text=True, check=True)
    lines = [line.partition("=") for line in done.stdout.splitlines()]
    return {key: value for key, _, value in lines if key.startswith(("UV_", "SSL_"))}


def test_uv_goes_where_the_environment_sends_pip(tmp_path: Path) -> None:
    """The variables of a house with a mirror hold for uv; a folder of wheels that is not there is passed over."""
    assert variables_of_uv(
        PIP_CONFIG_FILE=os.devnull,
        PIP_INDEX_URL="https://mirror.invalid/simple",
        PIP_CERT="/house/ca.pem",
        PIP_TRUSTED_HOST="one.invalid two.invalid",
        PIP_FIND_LINKS=f"{tmp_path} {tmp_path}/gone https://mirror.invalid/wheels",
    ) == {
        "UV_DEFAULT_INDEX": "https://mirror.invalid/simple",
        "SSL_CERT_FILE": "/house/ca.pem",
        "UV_INSECURE_HOST": "one.invalid two.invalid",
        "UV_FIND_LINKS": f"{tmp_path},https://mirror.invalid/wheels",
    }


def test_uv_goes_where_a_file_sends_pip(tmp_path: Path) -> None:
    """So do the lines of a pip.conf, under the variables."""
    written = tmp_path / "pip.conf"
    written.write_text(
        "[global]\nindex-url = https://written.invalid/simple\ncert = /house/ca.pem\n"
        "[install]\nextra-index-url =\n  https://a.invalid/simple\n  https://b.invalid/simple\n"
        "[list]\nformat = columns\n"
    )
    assert variables_of_uv(PIP_CONFIG_FILE=str(written), PIP_INDEX_URL="https://mirror.invalid/simple") == {
        "UV_DEFAULT_INDEX": "https://mirror.invalid/simple",
        "UV_INDEX": "https://a.invalid/simple https://b.invalid/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "SSL_CERT_FILE": "/house/ca.pem",
    }


def test_what_uv_is_told_itself_wins() -> None:
    """Whoever has set up uv is not overruled by what pip was told."""
    told = variables_of_uv(
        PIP_CONFIG_FILE=os.devnull, PIP_INDEX_URL="https://a.invalid", UV_DEFAULT_INDEX="https://b.invalid"
    )
    assert told == {"UV_DEFAULT_INDEX": "https://b.invalid"}


def step(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ROOT / "tools/step"), "A part", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.fixture(autouse=True)
def no_log_is_left() -> Iterator[None]:
    yield
    LOG.unlink(missing_ok=True)


def test_a_part_has_a_line_and_its_log_a_file() -> None:
    """What was to be done and how long it took; the rest is kept for whoever wants to know."""
    done = step("echo", "pages of lines")
    assert done.returncode == 0
    assert re.fullmatch(r"A part …\nA part … \d+ s\n", done.stdout)
    assert LOG.read_text() == "pages of lines\n"


def test_a_part_that_fails_shows_why() -> None:
    """The end of its log, the file's name, and the status of what failed."""
    done = step("bash", "-c", "seq 100; echo 'no such package' >&2; exit 3")
    assert done.returncode == 3
    assert re.match(r"A part …\nA part failed after \d+ s. The end of \.run/log/a-part\.log:\n", done.stdout)
    assert done.stdout.endswith("  100\n  no such package\n")
    assert "  50\n" not in done.stdout
