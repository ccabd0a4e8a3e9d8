"""The page on other machines: on the LAN, behind a NAT, where only a relay gets through, before a public address."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from services.stack.environment import ROOT
from services.stack.local import LocalStack
from tests.network.networks import HERE, HOME, PUBLIC, ROUTER, networks, rules, visit
from tests.test_compose_files import Loader

DIRECT = ("host", "prflx")
"""Types of ICE candidates without a relay; peer-reflexive where the browser hides its own address."""

SECRET = "a-secret-that-browsers-are-lent-time-of"

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("ip", "iptables", "turnserver"))),
    reason="needs root, ip, iptables and coturn: make test-network installs what is missing",
)


@pytest.fixture(scope="module", autouse=True)
def machines() -> Iterator[None]:
    with networks():
        yield


def stack(folder: Path, **settings: str) -> LocalStack:
    return LocalStack(folder, {"ORCHESTRATOR_BIND": "0.0.0.0", "SFU_BIND": "0.0.0.0", **settings})


def page_of(running: LocalStack, host: str = HERE) -> str:
    return f"http://{host}:{running.parts['orchestrator-api'].port}"


def test_a_machine_on_the_lan_and_one_behind_a_nat_see_and_hear(tmp_path: Path) -> None:
    """With nothing set but the page's own address; the gateway answers whatever address the NAT gives a browser."""
    with stack(tmp_path) as running:
        assert visit(ROUTER, page_of(running)) in DIRECT
        assert visit(HOME, page_of(running)) in DIRECT


def test_a_relay_serves_where_no_udp_gets_through(tmp_path: Path) -> None:
    """With the settings that docs/deployment.md names and the command of compose's `coturn`, media takes the relay."""
    turn = {"ICE_URLS": f"turn:{HERE}:3478?transport=tcp", "TURN_SECRET": SECRET}
    with stack(tmp_path, **turn) as running, coturn(tmp_path), rules("-A FORWARD -p udp -j DROP"):
        assert visit(HOME, page_of(running)) == "relay"


def test_a_public_address_before_a_private_one(tmp_path: Path) -> None:
    """NAT 1:1: browsers that cannot reach the private address reach the one of `SFU_ADVERTISE`."""
    forwarded = (
        f"-t raw -A PREROUTING -i home -d {HERE} -j DROP",
        f"-t nat -A PREROUTING -i home -d {PUBLIC} -j DNAT --to-destination {HERE}",
    )
    with stack(tmp_path, SFU_ADVERTISE=f"{PUBLIC}/{HERE}") as running, rules(*forwarded):
        assert visit(HOME, page_of(running, PUBLIC)) in DIRECT


class coturn:  # noqa: N801 - reads as the program that it runs
    """The TURN server with the command line that compose gives it."""

    def __init__(self, folder: Path) -> None:
        services = yaml.load((ROOT / "docker/compose.yml").read_text(), Loader)["services"]
        self.line = services["coturn"]["command"][0].replace("$$", "$")
        self.log = folder / "coturn.log"

    def __enter__(self) -> None:
        env = os.environ | {"TURN_SECRET": SECRET, "TURN_EXTERNAL_IP": ""}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(["sh", "-c", self.line], env=env, stdout=log, stderr=log)

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(10)


def test_the_relay_refuses_to_run_without_a_secret(tmp_path: Path) -> None:
    """Relays that anybody may use are found and misused within days."""
    line = coturn(tmp_path).line
    env = os.environ | {"TURN_SECRET": "", "TURN_EXTERNAL_IP": ""}
    ended = subprocess.run(["sh", "-c", line], env=env, capture_output=True, text=True, timeout=10, check=False)
    assert ended.returncode == 1
    assert "TURN_SECRET" in ended.stderr
