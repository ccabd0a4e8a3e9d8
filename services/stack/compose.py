"""The stack as containers in a program's hand, with the same calls as `LocalStack`. For tests.

It is a project of its own on free ports, so that a running copy beside it is left alone.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from services.stack.environment import ROOT
from services.stack.local import Stack, on_free_ports
from services.stack.processes import Process, StackError

READY = "FlashbackAvatars is ready"
START_S = 120
BACK_S = 60
"""How long a container may take to be restarted and ready again."""


def engine() -> str | None:
    """The version of the Docker engine that answers here, if one does."""
    if not shutil.which("docker"):
        return None
    asked = subprocess.run(
        ["docker", "version", "--format", "{{.Server.Version}}"], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() if asked.returncode == 0 else None


class ComposeStack(Stack):
    """`docker compose up` until it says that it is ready; `down -v` at the end."""

    def __init__(self, folder: Path, *files: str) -> None:
        """`files` override compose.yml, as in `COMPOSE_FILE`."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        _, parts = on_free_ports({"HOST": "127.0.0.1", "SFU_BIND": "0.0.0.0", "ORCHESTRATOR_BIND": "127.0.0.1"})
        self.parts = {part.name: part for part in parts}
        self.project = f"flashback-test-{self.parts['orchestrator-api'].port}"
        self.env = os.environ | {
            "COMPOSE_PROJECT_NAME": self.project,
            "COMPOSE_FILE": os.pathsep.join(("docker/compose.yml", *files)),
            "COMPOSE_PROGRESS": "plain",
            "COMPOSE_ANSI": "never",
            **_ports(self.parts),
        }
        self._up: subprocess.Popen[bytes] | None = None
        self._log = folder / "up.log"

    def start(self, *names: str) -> None:
        """Everything, in the foreground like a person does it; with names: those again that were killed. Returns when
        it is ready. Raises StackError if that does not happen."""
        if names:
            self.compose("start", *names)
            for name in names:
                self.wait_ready(name)
            return
        self._open()
        self.env["TOKEN_SECRET"] = self.compose("exec", "-T", "orchestrator-api", "cat", "/run/flashback/token-secret")

    def restart(self) -> None:
        """Everything again after `docker compose stop`, as it was. Returns when it is ready."""
        if self._up:
            self._up.wait(30)
        self._open()

    def _open(self) -> None:
        self._log = self.folder / f"up-{time.monotonic_ns()}.log"
        with self._log.open("wb") as log:
            self._up = subprocess.Popen(
                ["docker", "compose", "up", "--no-build"], cwd=ROOT, env=self.env, stdout=log, stderr=log
            )
        self._wait(lambda: READY in self.log(), START_S, "the whole")

    def wait_ready(self, name: str) -> None:
        self._wait(self.parts[name].ready, BACK_S, name)

    def kill(self, name: str) -> None:
        """End a service's container at once. The engine takes this for somebody's will and leaves it down."""
        self.compose("kill", name)

    def crash(self, name: str) -> None:
        """End a service's process from outside its container, which the engine takes for a crash."""
        pid = self.inspect(name, "{{.State.Pid}}")
        end = f"kill -9 {pid}"
        command = ["docker", "run", "--rm", "--pid=host", "--network=none", "--entrypoint=sh", "redis:7-bookworm"]
        subprocess.run([*command, "-c", end], check=True, capture_output=True)
        self._wait(lambda: self.inspect(name, "{{.State.Pid}}") != pid, 10, name)

    def compose(self, *arguments: str, check: bool = True) -> str:
        """What `docker compose ARGUMENTS` prints."""
        command = ["docker", "compose", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.env, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise StackError(f"docker compose {' '.join(arguments)}: {done.stderr}")
        return done.stdout.strip()

    def inspect(self, name: str, template: str) -> str:
        """A field of a service's container, as `docker inspect` formats it."""
        container = self.compose("ps", "--all", "--quiet", name)
        command = ["docker", "inspect", "--format", template, container]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def log(self) -> str:
        """What `docker compose up` printed, the last time."""
        return self._log.read_text(errors="replace")

    def stop(self) -> None:
        """Remove the containers, their network and their volumes."""
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "10")
        if self._up:
            self._up.wait(30)
        ours = f"label=com.docker.compose.project={self.project}"
        for kind in (["ps", "--all"], ["network", "ls"], ["volume", "ls"]):
            command = ["docker", *kind, "--quiet", "--filter", ours]
            if left := subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip():
                raise StackError(f"docker compose down left something behind: docker {kind[0]} has {left}")

    def _wait(self, done: Callable[[], bool], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            if self._up and self._up.poll() is not None:
                raise StackError(f"docker compose up ended with {self._up.returncode}:\n{self.log()[-4000:]}")
            if time.monotonic() > deadline:
                raise StackError(f"not there after {seconds} s: {what}:\n{self.log()[-4000:]}")
            time.sleep(0.1)


def _ports(parts: Mapping[str, Process]) -> dict[str, str]:
    keys = {
        "orchestrator-api": "ORCHESTRATOR_PORT",
        "sfu-gateway": "SFU_PORT",
        "rag-llm": "RAG_PORT",
        "tts": "TTS_PORT",
        "renderer": "RENDERER_PORT",
        "asr": "ASR_PORT",
        "redis": "REDIS_PORT",
    }
    ports = {key: str(parts[name].port) for name, key in keys.items()}
    return ports | {"SFU_UDP_PORT": str(parts["sfu-gateway"].udp)}
