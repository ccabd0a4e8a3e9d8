"""`make up` as a newcomer meets it: an address, an end with Ctrl-C, and sentences for what goes wrong."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from services.stack.environment import ROOT
from services.stack.local import on_free_ports
from services.stack.processes import Process


class Launcher:
    """`python -m services.stack` on free ports, its output read line by line."""

    def __init__(self, folder: Path) -> None:
        self.env, self.parts = on_free_ports({"INDEX_DIR": str(folder / "index")})
        self.lines: list[str] = []

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "services.stack"],
            cwd=ROOT,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def read_until(self, text: str) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line)
            if text in line:
                return
        raise AssertionError(f"{text!r} was not printed:\n{''.join(self.lines)}")

    def rest(self) -> str:
        output, _ = self.process.communicate(timeout=20)
        return "".join(self.lines) + output

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def part(self, name: str) -> Process:
        return next(part for part in self.parts if part.name == name)


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[Launcher]:
    launcher = Launcher(tmp_path)
    yield launcher
    if hasattr(launcher, "process") and launcher.process.poll() is None:
        launcher.process.terminate()
        launcher.process.communicate(timeout=20)


def test_it_says_where_to_look_and_ctrl_c_leaves_nothing_behind(launcher: Launcher) -> None:
    """Every service has its line, then comes the address; after Ctrl-C no process is left and the status is 0."""
    launcher.start()
    launcher.read_until(f"open http://localhost:{launcher.part('orchestrator-api').port}")
    for part in launcher.parts:
        assert any(f"{part.name} is ready on port {part.port}" in line for line in launcher.lines)
    children = launcher.children()
    assert len(children) >= len(launcher.parts)
    launcher.process.send_signal(signal.SIGINT)
    launcher.rest()
    assert launcher.process.returncode == 0
    _, alive = psutil.wait_procs(children, timeout=5)
    assert alive == []


def test_a_port_in_use_is_a_sentence(launcher: Launcher) -> None:
    """A taken port is named with its service and what to do, and nothing is started."""
    tts = launcher.part("tts")
    with socket.create_server(("127.0.0.1", tts.port)):
        launcher.start()
        output = launcher.rest()
    assert launcher.process.returncode == 1
    assert f"Port {tts.port} (tts) is in use" in output
    assert "PORT_OFFSET" in output
    assert "Traceback" not in output


def test_a_host_that_is_none_of_this_machine_is_a_sentence(launcher: Launcher) -> None:
    """A name that leads nowhere is not taken for ports in use."""
    launcher.env["ORCHESTRATOR_BIND"] = "no-such-name.invalid"
    launcher.start()
    output = launcher.rest()
    assert launcher.process.returncode == 1
    assert "no-such-name.invalid is no IPv4 address of this machine" in output
    assert "Traceback" not in output


def test_a_dead_child_ends_everything_and_is_named(launcher: Launcher) -> None:
    """When a process dies all others are stopped, the status is not 0, and the sentence names it."""
    launcher.start()
    launcher.read_until("rag-llm is ready")
    children = launcher.children()
    victim = next(c for c in children if "services.rag_llm.server" in " ".join(c.cmdline()))
    victim.kill()
    output = launcher.rest()
    assert launcher.process.returncode == 1
    assert "rag-llm was killed (SIGKILL)" in output
    _, alive = psutil.wait_procs(children, timeout=5)
    assert alive == []


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no death signal for children")
def test_no_process_outlives_a_killed_launcher(launcher: Launcher) -> None:
    """Even if the launcher is killed outright its processes end."""
    launcher.start()
    launcher.read_until("tts is ready")
    children = launcher.children()
    launcher.process.kill()
    launcher.rest()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []


@pytest.mark.parametrize(
    ("key", "value"),
    [("PORT_OFFSET", "abc"), ("TTS_ENGINE", "nonsense"), ("BUFFER_SECONDS", "-1"), ("STYLE_CFG", "99")],
)
def test_a_wrong_setting_is_a_sentence(launcher: Launcher, key: str, value: str) -> None:
    """A value that no service would take is named with its key before anything starts."""
    launcher.env[key] = value
    launcher.start()
    output = launcher.rest()
    assert launcher.process.returncode == 1
    assert f"{key} must be" in output
    assert value in output
    assert "Traceback" not in output
    assert "is ready" not in output
