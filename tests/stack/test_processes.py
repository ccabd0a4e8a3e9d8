"""Which processes there are, and what each of them runs in."""

import sys
from pathlib import Path

import pytest

from services.stack import processes as stack_processes
from services.stack.environment import environment
from services.stack.preflight import check_ports
from services.stack.processes import StackError


def test_an_engine_runs_in_its_own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `.venv-ENGINE` is there the engine's process uses it; otherwise the one that everything runs in."""
    monkeypatch.setattr(stack_processes, "ROOT", tmp_path)
    assert stack_processes.of_engine("echomimic") == sys.executable
    own = tmp_path / ".venv-echomimic/bin/python"
    own.parent.mkdir(parents=True)
    own.touch()
    assert stack_processes.of_engine("echomimic") == str(own)


@pytest.mark.parametrize(("key", "name"), [("TTS_ENGINE", "tts"), ("RENDER_ENGINE", "renderer")])
def test_only_the_engines_own_process_runs_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, name: str
) -> None:
    """The setting of an engine moves the process of its service into the engine's environment, and no other."""
    own = tmp_path / ".venv-special/bin/python"
    own.parent.mkdir(parents=True)
    own.touch()
    monkeypatch.setattr(stack_processes, "ROOT", tmp_path)
    started = stack_processes.processes(environment({key: "special"}))
    assert [process.name for process in started if process.command[0] == str(own)] == [name]


@pytest.mark.parametrize("key", ["SFU_UDP_PORT", "SFU_PORT", "REDIS_PORT"])
@pytest.mark.parametrize("value", ["foo", "", "7.5", "-1"])
def test_a_port_that_is_no_number_is_refused_in_a_sentence(key: str, value: str) -> None:
    """Also one that only the gateway reads; the sentence names the setting."""
    with pytest.raises(StackError, match=key):
        stack_processes.processes(environment() | {key: value})


def test_two_services_on_one_port_are_refused_before_any_starts() -> None:
    """The sentence names both: the second one would look ready while the first answers for it."""
    env = environment({"SFU_PORT": "8080"})
    with pytest.raises(StackError, match=r"sfu-gateway and orchestrator-api .* port"):
        check_ports(stack_processes.processes(env), env)
