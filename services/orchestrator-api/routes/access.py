"""What the routes need from the app and from a request's headers."""

from typing import Annotated

from fastapi import Depends, Header
from starlette.requests import HTTPConnection

from services.common.background import Background
from services.common.errors import Problem
from services.orchestrator_api.lib.sessions.grants import Grants
from services.orchestrator_api.lib.sessions.live import Sessions
from services.orchestrator_api.lib.sessions.opening import Opening
from services.orchestrator_api.lib.upstream.services import Services


def _sessions(connection: HTTPConnection) -> Sessions:
    sessions: Sessions = connection.app.state.sessions
    return sessions


def _opening(connection: HTTPConnection) -> Opening:
    opening: Opening = connection.app.state.opening
    return opening


def _grants(connection: HTTPConnection) -> Grants:
    grants: Grants = connection.app.state.grants
    return grants


def _services(connection: HTTPConnection) -> Services:
    services: Services = connection.app.state.services
    return services


def _background(connection: HTTPConnection) -> Background:
    background: Background = connection.app.state.background
    return background


def _bearer(authorization: Annotated[str | None, Header()] = None) -> str | None:
    if authorization is None:
        return None
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Problem(401, "The Authorization header has to be: Bearer, a space, and the token of POST /session.")
    return token.strip()


Live = Annotated[Sessions, Depends(_sessions)]
Openings = Annotated[Opening, Depends(_opening)]
Admission = Annotated[Grants, Depends(_grants)]
Upstream = Annotated[Services, Depends(_services)]
Supervised = Annotated[Background, Depends(_background)]
Token = Annotated[str | None, Depends(_bearer)]
