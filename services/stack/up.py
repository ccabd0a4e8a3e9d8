"""`make up`: everything in the foreground until Ctrl-C.

One line a service as it becomes ready, then the address to open. When one process ends, all end, and a sentence says
which one it was.
"""

import asyncio
import os
import sys
from collections.abc import Mapping

from services.stack.console import Console
from services.stack.environment import environment, written
from services.stack.preflight import check_ports, check_settings, unknown_settings
from services.stack.processes import StackError, processes
from services.stack.supervisor import Supervisor


def up(overrides: Mapping[str, str] | None = None) -> int:
    """Start everything, print its state, wait for the end. Returns the exit status: 0 after Ctrl-C or SIGTERM.

    Raises StackError, with a sentence to show, for what keeps it from starting and for the death of a process.
    """
    for sentence in unknown_settings(written()):
        sys.stderr.write(f"{sentence}\n")
    env = environment(overrides)
    check_settings(env)
    parts = processes(env)
    check_ports(parts, env)
    console = Console(sys.stdout.buffer, [part.name for part in parts])
    try:
        if death := asyncio.run(Supervisor(parts, env, console).run()):
            raise StackError(f"{death}, so everything was stopped; its last lines, if any, are above.")
        print("\nStopped.", flush=True)
    except BrokenPipeError:  # as when Ctrl-C ends both ends of `make up | tee log`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
