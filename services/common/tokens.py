"""Join tokens: who may do what in which session. JWTs (HS256) of `{sid, role, exp}`; the gateway checks them too."""

import time
from dataclasses import dataclass
from typing import Literal, get_args

import jwt

from services.common.errors import Problem

Role = Literal["renderer", "viewer", "talker", "asr", "orchestrator"]
ANY_SESSION = "*"
"""The `sid` of the orchestrator's own token."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token allows: one role in one session, or in every session (`ANY_SESSION`)."""

    session: str
    role: Role


def issue(secret: str, session: str, role: Role, ttl_s: int = 24 * 3600) -> str:
    """A signed token for one role in one session, which expires after `ttl_s` seconds."""
    return jwt.encode({"sid": session, "role": role, "exp": int(time.time()) + ttl_s}, secret, algorithm="HS256")


def verify(secret: str, token: str) -> Grant:
    """The grant that a token carries. Raises `Problem` 401 if it is missing, forged or expired."""
    try:
        claims = jwt.decode(token, secret, algorithms=["HS256"], options={"require": ["exp"]})
        session, role = claims["sid"], claims["role"]
    except jwt.ExpiredSignatureError:
        raise Problem(401, "The token has expired; open a new session with POST /session.") from None
    except (jwt.InvalidTokenError, KeyError):
        raise Problem(401, "The token is not valid; use the one that POST /session returned.") from None
    if not isinstance(session, str) or role not in get_args(Role):
        raise Problem(401, "The token is not valid; use the one that POST /session returned.")
    return Grant(session, role)
