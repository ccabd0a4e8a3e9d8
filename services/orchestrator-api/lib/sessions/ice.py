"""The STUN and TURN servers that a browser is told of."""

import base64
import hashlib
import hmac

from services.orchestrator_api.lib.contracts import IceServer

CREDENTIAL_SECONDS = 12 * 3600


def ice_servers(urls: list[str], secret: str, session: str, now: float) -> list[IceServer]:
    """`now`: seconds since the epoch. TURN credentials are valid for twelve hours.

    They follow "A REST API For Access To TURN Services" (draft-uberti-behave-turn-rest-00), which coturn calls
    `use-auth-secret`: the name is the expiry and the session, the password its HMAC-SHA1.
    """
    turn = [url for url in urls if url.startswith(("turn:", "turns:"))]
    stun = [url for url in urls if url not in turn]
    servers = [IceServer(urls=stun)] if stun else []
    if turn:
        username = f"{int(now) + CREDENTIAL_SECONDS}:{session}"
        digest = hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()
        servers.append(IceServer(urls=turn, username=username, credential=base64.b64encode(digest).decode()))
    return servers
