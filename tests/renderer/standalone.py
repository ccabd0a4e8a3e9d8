"""The renderer as a process of its own, with the disc for a face: prints its port, then serves."""

import socket

from services.common.bus import MemoryBus
from services.common.service import serve
from services.renderer.server import create_app
from services.renderer.settings import RendererSettings
from tests.renderer.disc import DiscEngine

if __name__ == "__main__":
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    print(port, flush=True)  # noqa: T201 # the test reads it
    settings = RendererSettings(avatar="disc", log_level="error", port_offset=0)
    serve(create_app(settings, load=lambda _: DiscEngine(), bus=MemoryBus()), settings, port)
