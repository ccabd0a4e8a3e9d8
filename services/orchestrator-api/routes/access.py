"""What the routes need from the app and from a request's headers."""

from typing import Annotated

from fastapi import Depends, Header
from starlette.requests import HTTPConnection

from services.common.errors import Problem
from services.orchestrator_api.lib.sessions.sessions import Sessions


def _sessions(connection: HTTPConnection) -> Sessions:
    sessions: Sessions = connection.app.state.sessions
    return sessions


def _bearer(authorization: Annotated[str | None, Header()] = None) -> str | None:
    if authorization is None:
        return None
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Problem(401, "The Authorization header has to be: Bearer, a space, and the token of POST /session.")
    return token.strip()


Live = Annotated[Sessions, Depends(_sessions)]
Token = Annotated[str | None, Depends(_bearer)]
