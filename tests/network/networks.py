"""Other machines, as network namespaces: one on this machine's LAN, which is also the router of a home behind it.

    this machine 10.77.1.1 ── 10.77.1.2 router 10.77.2.1 ── 10.77.2.2 home

Needs root, `ip` and `iptables`. Nothing of this machine's own network is changed but for one more interface.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from services.stack.environment import ROOT

HERE = "10.77.1.1"
"""This machine on that LAN."""

ROUTER, HOME = "flashback-router", "flashback-home"
"""The namespaces."""

PUBLIC = "203.0.113.7"
"""An address that the router has towards the home, of the range for documentation."""


def command(*words: str) -> None:
    """Run it as root; `RuntimeError` with what it says if it fails."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr}")


def inside(namespace: str, *words: str) -> None:
    """Run it in a namespace."""
    command("ip", "netns", "exec", namespace, *words)


@contextmanager
def networks() -> Iterator[None]:
    """Make the two namespaces, and remove them afterwards."""
    remove()
    try:
        for namespace in (ROUTER, HOME):
            command("ip", "netns", "add", namespace)
            inside(namespace, "ip", "link", "set", "lo", "up")
        command("ip", "link", "add", "flashback0", "type", "veth", "peer", "name", "lan", "netns", ROUTER)
        command("ip", "address", "add", f"{HERE}/24", "dev", "flashback0")
        command("ip", "link", "set", "flashback0", "up")
        inside(ROUTER, "ip", "link", "add", "home", "type", "veth", "peer", "name", "wan", "netns", HOME)
        for namespace, device, address in (
            (ROUTER, "lan", "10.77.1.2"),
            (ROUTER, "home", "10.77.2.1"),
            (HOME, "wan", "10.77.2.2"),
        ):
            inside(namespace, "ip", "address", "add", f"{address}/24", "dev", device)
            inside(namespace, "ip", "link", "set", device, "up")
        inside(HOME, "ip", "route", "add", "default", "via", "10.77.2.1")
        inside(ROUTER, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        # What leaves for the LAN has the router's address: a NAT as every home has it.
        inside(ROUTER, "iptables", "-t", "nat", "-A", "POSTROUTING", "-o", "lan", "-j", "MASQUERADE")
        yield
    finally:
        remove()


def remove() -> None:
    """Remove what there is of the namespaces and of the interface to them."""
    for words in (("netns", "delete", HOME), ("netns", "delete", ROUTER), ("link", "delete", "flashback0")):
        with suppress(RuntimeError):
            command("ip", *words)


@contextmanager
def rules(*lists: str) -> Iterator[None]:
    """Rules of the router's iptables, such as `-A FORWARD …` or `-t nat -A …`; they are deleted afterwards."""
    for rule in lists:
        inside(ROUTER, "iptables", *rule.split())
    try:
        yield
    finally:
        for rule in lists:
            inside(ROUTER, "iptables", *rule.replace("-A ", "-D ", 1).split())


def visit(namespace: str, url: str) -> str:
    """Open the page in a Chromium in this namespace and ask -> the type of the ICE candidate by which media came."""
    words = ["ip", "netns", "exec", namespace, sys.executable, "-m", "tests.network.visit", url]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip().splitlines()[-1]
