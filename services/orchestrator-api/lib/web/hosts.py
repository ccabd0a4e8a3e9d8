"""Which names in the address bar lead here. A name that a stranger's page could have does not (DNS rebinding)."""

import ipaddress
from collections.abc import Collection
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from services.common.errors import Problem

OF_A_NETWORK = (".localhost", ".local", ".internal", ".lan", ".home.arpa")
"""Endings that no name of the internet has."""


class KnownHosts:
    """Refuses a request, a WebSocket's too, whose `Host` is a name of the internet that `allowed` does not list.

    Addresses, names without a dot and names of a local network need no leave: no stranger can point one to here.
    """

    def __init__(self, app: ASGIApp, allowed: Collection[str]) -> None:
        self.app, self._allowed = app, allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or self._knows(name := _name(Headers(scope=scope).get("host", ""))):
            await self.app(scope, receive, send)
            return
        detail = f"{name} is no name of this service; open it by its address, or list the name in ALLOWED_HOSTS."
        await Problem(421, detail).response()(scope, receive, send)

    def _knows(self, name: str) -> bool:
        if "." not in name or name.endswith(OF_A_NETWORK) or any(fnmatchcase(name, host) for host in self._allowed):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def _name(host: str) -> str:
    """The name or address in a `Host`, without port and brackets; all of it where it cannot be parsed."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return f"{host}."
