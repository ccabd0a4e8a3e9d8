"""The names that the page and the API are opened by: a stranger's page cannot come under one of its own."""

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from services.orchestrator_api.settings import OrchestratorSettings
from tests.orchestrator.conftest import SECRET, Stack

NEAR = [
    *("localhost:8080", "LOCALHOST", "127.0.0.1:8080", "192.168.1.7:8080", "[::1]:8080", "[fe80::1]"),
    *("my-box", "my-box:8080", "my-box.local:8080", "orchestrator-api:8080", "app.localhost", "localhost.:8080"),
]
FAR = ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "evil.example.", "[a.b"]


async def status(stack: Stack, host: str, path: str = "/styles") -> int:
    return (await stack.http.get(path, headers={"Host": host})).status_code


async def test_addresses_and_names_of_the_network_lead_to_page_and_api(stack: Stack) -> None:
    """However a person may reach this machine without a name of the internet."""
    for host in NEAR:
        assert (host, await status(stack, host), await status(stack, host, "/")) == (host, 200, 200)


async def test_a_name_of_the_internet_is_refused(stack: Stack) -> None:
    """For the page, the API and the socket alike, with a sentence that says what to do."""
    for host in FAR:
        assert (host, await status(stack, host), await status(stack, host, "/")) == (host, 421, 421)
    answer = await stack.http.post("/answer", json={"text": "Hi"}, headers={"Host": "evil.example"})
    assert "evil.example" in answer.json()["detail"]
    assert "ALLOWED_HOSTS" in answer.json()["detail"]
    assert stack.rag.questions == []


async def test_the_socket_asks_for_the_name_as_well(stack: Stack) -> None:
    """Under a stranger's name there is no socket, even with the token; under the machine's there is."""
    opened = await stack.open()
    path = f"control?session={opened['session']}&token={opened['token']}"
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"ws://evil.example/{path}", host="127.0.0.1", port=stack.port):
            pass
    assert refused.value.response.status_code == 421
    async with connect(f"ws://my-box.lan/{path}", host="127.0.0.1", port=stack.port) as socket:
        assert '"listening"' in str(await socket.recv())


async def test_names_are_let_in_by_setting(stack: Stack) -> None:
    """ALLOWED_HOSTS lists names and patterns; that of PUBLIC_URL need not be listed."""
    await stack.restart(allowed_hosts="A.example, *.b.example", public_url="https://c.example:8443")
    for host in ("a.example", "www.b.example:8080", "c.example"):
        assert (host, await status(stack, host)) == (host, 200)
    for host in ("b.example", "xa.example", "evil.example"):
        assert (host, await status(stack, host)) == (host, 421)
    await stack.restart(allowed_hosts="*")
    assert await status(stack, "evil.example") == 200


def test_the_machines_own_name_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it is one of the internet."""
    monkeypatch.setattr("socket.gethostname", lambda: "Box7.corp.example")
    assert OrchestratorSettings(token_secret=SECRET).hosts() == ["box7.corp.example"]
