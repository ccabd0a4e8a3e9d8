"""`make up`: everything in the foreground until Ctrl-C, on honcho.

One line a service as it becomes ready, then the address to open. When one process ends, all end, and a sentence says
which one it was.
"""

import ctypes
import difflib
import multiprocessing
import shlex
import signal
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from honcho.manager import Manager
from honcho.printer import Message, Printer
from honcho.process import Popen
from honcho.process import Process as HonchoProcess
from pydantic import ValidationError

from services.asr.settings import AsrSettings
from services.common.settings import complaints
from services.orchestrator_api.settings import OrchestratorSettings
from services.rag_llm.settings import RagSettings
from services.renderer.settings import RendererSettings
from services.stack.environment import ROOT, environment, written
from services.stack.processes import Process, StackError, free_offset, processes
from services.tts.settings import TtsSettings

START_SECONDS = 60
"""How long the whole usually takes to become ready; the face is drawn anew within this where its cache is gone. A GPU
engine that compiles takes longer, and is waited for."""


SETTINGS = (AsrSettings, OrchestratorSettings, RagSettings, RendererSettings, TtsSettings)
OTHERS_SETTINGS = frozenset({"SFU_BIND", "SFU_UDP_PORT", "SFU_ADVERTISE", "TURN_EXTERNAL_IP", "COMPOSE_FILE"})
"""Keys of `.env` that only the gateway or compose read."""


def up(overrides: Mapping[str, str] | None = None) -> int:
    """Start everything, print its state, wait for the end. Returns the exit status; 0 after Ctrl-C or SIGTERM."""
    for sentence in unknown_settings(written()):
        sys.stderr.write(f"{sentence}\n")
    env = environment(overrides)
    check_settings(env)
    parts = processes(env)
    for part in parts:
        if taken := part.taken_port():
            raise StackError(
                f"Port {taken} ({part.name}) is in use: stop what listens there, "
                f"or move all ports: PORT_OFFSET={free_offset(env)} make up"
            )
    manager = Supervisor(parts)
    for part in parts:
        # Redis talks of kernel settings at every start, on a level that cannot be chosen.
        quiet = part.name == "redis"
        manager.add_process(part.name, "exec " + shlex.join(part.command), quiet, env, str(ROOT))
    manager.loop()
    if manager.first_dead:
        name, code = manager.first_dead
        how = f"was killed ({signal.Signals(-code).name})" if code < 0 else f"ended with exit status {code}"
        raise StackError(f"{name} {how}, so everything was stopped; its last lines, if any, are above.")
    sys.stdout.write("\nStopped.\n")
    return 0


def known_settings() -> frozenset[str]:
    """Every key that something here reads."""
    return OTHERS_SETTINGS.union(*({key.upper() for key in settings.model_fields} for settings in SETTINGS))


def unknown_settings(keys: Iterable[str]) -> list[str]:
    """A sentence for each key of `.env` that nothing here reads, with the one that was probably meant."""
    known = known_settings()
    sentences = []
    for key in keys:
        if key not in known and not key.startswith("COMPOSE_"):  # compose has many of its own
            near = difflib.get_close_matches(key.upper(), known, 1)
            meant = f"; did you mean {near[0]}?" if near else "."
            sentences.append(f"{key} in .env is not a setting of FlashbackAvatars{meant}")
    return sentences


def check_settings(env: Mapping[str, str]) -> None:
    """Raises StackError for what the services would refuse to start with, before any of them starts."""
    wrong = set[str]()
    for settings in SETTINGS:
        try:
            settings.model_validate(
                {key.lower(): value for key, value in env.items() if key.lower() in settings.model_fields}
            )
        except ValidationError as error:
            wrong.update(complaints(error))
    if wrong:
        raise StackError("\n".join(sorted(wrong)))


def announce(parts: list[Process], manager: "Supervisor") -> None:
    """A line for each process as it becomes ready, then the address."""
    start = time.monotonic()
    waiting, told = list(parts), False
    while waiting:
        for part in list(waiting):
            if part.ready():
                manager.say(f"{part.name} is ready on port {part.port} ({time.monotonic() - start:.1f} s)")
                waiting.remove(part)
        if not told and time.monotonic() - start > START_SECONDS:
            told = True
            names = ", ".join(part.name for part in waiting)
            manager.say(
                f"Not ready after {START_SECONDS} s: {names}. Its lines above say why. Ctrl-C stops everything."
            )
        time.sleep(0.05)
    manager.say("")
    manager.say(f"FlashbackAvatars is ready: open {parts[-1].url.replace('127.0.0.1', 'localhost')}")
    manager.say("Ctrl-C stops everything.")
    manager.say("")


def wait_briefly(part: Process, seconds: float = 2) -> None:
    """Until the process is ready, or for so long."""
    deadline = time.monotonic() + seconds
    while not part.ready() and time.monotonic() < deadline:
        time.sleep(0.02)


class Supervisor(Manager):  # type: ignore[misc]  # honcho has no types
    """honcho's manager, with our own lines instead of its process ids, that remembers which process died first."""

    def __init__(self, parts: list[Process]) -> None:
        super().__init__(Terminal(sys.stdout, time_format=""))  # every service states the time itself
        self._process_ctor = Child
        self.parts = parts
        self.first_dead: tuple[str, int] | None = None

    def say(self, text: str) -> None:
        """A line of ours among those of the services; safe from any thread."""
        self.events.put(Message("line", text + "\n", datetime.now(), "up", None))

    def _start(self) -> None:
        for part in self.parts:
            relay = multiprocessing.Process(target=self._processes[part.name]["obj"].run, args=(self.events, True))
            self._processes[part.name]["process"] = relay
            relay.start()
            if (
                part.name == "redis"
            ):  # comes up in an instant; without it everybody's first words would be that it is away
                wait_briefly(part)
        threading.Thread(target=announce, args=(self.parts, self), daemon=True).start()  # after the last fork

    def terminate(self) -> None:
        if not self._terminating:
            codes = {name: p["returncode"] for name, p in self._processes.items() if p.get("returncode") is not None}
            self.first_dead = next(iter(codes.items()), None)
            self._printer.muted = True
        super().terminate()

    def _system_print(self, data: str) -> None:
        """honcho's own talk of pids and signals is of no use to the reader."""


class Terminal(Printer):  # type: ignore[misc]  # honcho has no types
    """Prints until it is muted: what services say while they end together, such as that Redis is gone, is no news."""

    muted = False

    def write(self, message: Message) -> None:
        if not self.muted:
            super().write(message)


class Child(HonchoProcess):  # type: ignore[misc]  # honcho has no types
    """A process that never outlives this one, even if this one is killed outright."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._child_ctor = lambda cmd, **options: Popen(
            cmd, preexec_fn=lambda: die_with_parent(signal.SIGTERM), **options
        )

    def run(self, events: "multiprocessing.Queue[Any] | None" = None, ignore_signals: bool = False) -> None:
        die_with_parent(signal.SIGKILL)
        super().run(events, ignore_signals)


def die_with_parent(with_signal: signal.Signals) -> None:
    """Ask Linux to send `with_signal` to this process when its parent ends; elsewhere nothing happens."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, with_signal)
