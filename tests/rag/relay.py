"""A TCP relay in front of a server, so that a test can take the server away and bring it back."""

import asyncio
import contextlib
import socket


class Relay:
    """Listens on a port of its own and passes everything on to `host:port`."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._left: int | None = None

    async def open(self, breaks_after: int | None = None) -> None:
        """With `breaks_after` the server is gone once it has sent so many bytes, in the middle of whatever it says."""
        self._left = breaks_after
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", self.port)

    def cut(self) -> None:
        """As when the server is killed: every connection breaks, new ones are refused."""
        if self._server:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(*self._target)
        ends = {writer, there_writer}
        self._writers |= ends
        await asyncio.gather(self._copy(reader, there_writer), self._copy(there_reader, writer, counts=True))
        self._writers -= ends

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counts: bool = False) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(4096):
                writer.write(data)
                await writer.drain()
                if counts and self._left is not None:
                    self._left -= len(data)
                    if self._left <= 0:
                        self.cut()
        writer.close()
