"""The page is served, and nothing beside it."""

import asyncio

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from services.orchestrator_api.lib.web.page import FOLDER
from tests.orchestrator.conftest import Stack


async def test_the_page_is_served_uncached(stack: Stack) -> None:
    """`/` is the page as it lies on disk; browsers have to ask again each time."""
    answer = await stack.http.get("/")
    assert answer.status_code == 200
    assert answer.text == (FOLDER / "index.html").read_text()
    assert answer.headers["cache-control"] == "no-cache"


async def test_nothing_outside_its_folder_is_served(stack: Stack) -> None:
    """However the path climbs."""
    for path in ("/../../.env", "/..%2f..%2f.env", "/%2e%2e/%2e%2e/.env", "/....//.env", "//etc/passwd", "/%00"):
        reader, writer = await asyncio.open_connection("127.0.0.1", stack.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        status = (await reader.read()).split(b" ")[1]
        writer.close()
        assert status in (b"400", b"404"), path


async def test_what_checks_the_page_is_not_served(stack: Stack) -> None:
    """Its tools stand beside the folder that is served; in it there is only what a browser reads."""
    tools = [path.name for path in FOLDER.parent.iterdir() if path != FOLDER]
    assert {"package.json", "package-lock.json", "tsconfig.json", "eslint.config.js", ".npmrc"} <= set(tools)
    for name in [*tools, "node_modules/typescript/package.json"]:
        assert (await stack.http.get(f"/{name}")).status_code == 404, name
    assert {path.suffix for path in FOLDER.rglob("*") if path.is_file()} == {".html", ".css", ".js"}


async def test_there_is_one_socket_only(stack: Stack) -> None:
    """A WebSocket anywhere but at /control is refused."""
    with pytest.raises(InvalidStatus):
        await connect(f"ws://127.0.0.1:{stack.port}/elsewhere")
