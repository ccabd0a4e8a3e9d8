"""Logs, as they leave the process."""

import json
from typing import Literal

import pytest

from services.common.logs import configure_logs, logger
from services.common.settings import Settings


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_traceback_shows_no_variables(form: Literal["console", "json"], capsys: pytest.CaptureFixture[str]) -> None:
    """It names the error and its lines; what the variables hold stays in the process."""
    configure_logs("tts", Settings(log_format=form))
    spoken = "-".join(("what", "somebody", "said"))
    try:
        raise RuntimeError(f"{len(spoken)} characters are too many")
    except RuntimeError as error:
        logger().error("unexpected error", exc_info=error)
    out = capsys.readouterr().out
    assert "18 characters are too many" in out
    assert "test_logs.py" in out
    assert spoken not in out
    if form == "json":
        assert json.loads(out)["event"] == "unexpected error"
