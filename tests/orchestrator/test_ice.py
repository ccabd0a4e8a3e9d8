"""STUN and TURN for browsers."""

import base64
import hashlib
import hmac

from services.orchestrator_api.lib.sessions.ice import CREDENTIAL_SECONDS, ice_servers


def test_turn_credentials_expire_and_verify() -> None:
    """A TURN server that knows the secret can check name and password by itself; STUN needs neither."""
    stun, turn = ice_servers(["stun:a:3478", "turn:b:3478", "turns:b:5349"], "secret", "s1", now=1000.5)
    assert (stun.urls, stun.username, stun.credential) == (["stun:a:3478"], None, None)
    assert turn.urls == ["turn:b:3478", "turns:b:5349"]
    assert turn.username == f"{1000 + CREDENTIAL_SECONDS}:s1"
    expected = hmac.new(b"secret", turn.username.encode(), hashlib.sha1).digest()
    assert base64.b64decode(turn.credential or "") == expected


def test_none_configured_means_none_told() -> None:
    """Without servers the list is empty."""
    assert ice_servers([], "", "s1", now=0) == []
