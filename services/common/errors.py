"""Errors as users meet them: RFC 9457 problem documents with a sentence that says what to do."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.body_limit import MAX_BODY_SIZE_SCOPE_KEY
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.common.complaints import OWN, complaint, field_of
from services.common.logs import logger

PROBLEM_JSON = "application/problem+json"

NO_OBJECT = "The body is not a JSON object, sent with content-type: application/json"

MOST_TOLD = 3
"""Fields that the sentence tells of; the list has all of them."""

_PARTS = {("body",), ("query",), ("path",), ("header",)}
"""What FastAPI puts before a field's name."""


class Problem(Exception):
    """Raise it anywhere below a route; it becomes the response. `more` adds members to the document."""

    def __init__(self, status: int, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers, self.more = status, detail, headers, more

    def response(self) -> JSONResponse:
        body = {"type": "about:blank", "title": HTTPStatus(self.status).phrase, "status": self.status}
        return JSONResponse(
            body | {"detail": self.detail} | self.more,
            self.status,
            headers=dict(self.headers or {}),
            media_type=PROBLEM_JSON,
        )


def install_problem_handlers(app: FastAPI) -> None:
    """Every error of the app, expected or not, leaves as a problem document."""

    @app.exception_handler(Problem)
    async def _problem(_: Request, problem: Problem) -> JSONResponse:
        return problem.response()

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, invalid: RequestValidationError) -> JSONResponse:
        return invalid_request(invalid.errors()).response()

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        detail = str(error.detail)
        if error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return too_large(request.scope).response()
        if detail == HTTPStatus(error.status_code).phrase:  # the router's own words
            detail = f"{request.method} {request.url.path} is not a call of this service; /docs lists them."
        elif error.status_code == HTTPStatus.BAD_REQUEST:  # the framework's words about a body that it cannot read
            detail = "The body cannot be read: send a JSON object in UTF-8, or the form that /docs shows."
        return Problem(error.status_code, detail, headers=error.headers).response()

    @app.exception_handler(Exception)
    async def _unexpected(request: Request, error: Exception) -> JSONResponse:
        logger().error("unexpected error", path=request.url.path, exc_info=error)
        return Problem(500, "Something unexpected went wrong; the service's log has the details.").response()


def too_large(scope: Scope) -> Problem:
    """The 413 for a body over the limit of its route."""
    return Problem(413, f"The body is larger than {scope[MAX_BODY_SIZE_SCOPE_KEY]} bytes.")


class RefusedBodies:
    """Outermost: FastAPI refuses a body whose declared length is over the limit in plain text, whatever handlers there
    are; here that becomes a problem document too."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = False

        async def as_problem(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and message["status"] == 413:
                refused = not Headers(raw=message["headers"])["content-type"].startswith(PROBLEM_JSON)
            if refused and message["type"] == "http.response.start":
                await too_large(scope).response()(scope, receive, send)
            elif not refused:
                await send(message)

        await self.app(scope, receive, as_problem)


def invalid_request(errors: Iterable[Mapping[str, Any]], not_whole: str = NO_OBJECT) -> Problem:
    """The 422 with a sentence for each field that is wrong; its member `errors` lists them.

    `not_whole` is said where no field is wrong, but all of it.
    """
    found = [_named(error, not_whole) for error in errors]
    return Problem(422, " ".join(each["message"] for each in found[:MOST_TOLD]), errors=found)


def _named(error: Mapping[str, Any], not_whole: str) -> dict[str, str]:
    """The field of a refused body, "body" for all of it, and the sentence about it."""
    where = tuple(error["loc"])
    if error["type"] == "json_invalid":
        at = f" (see character {where[-1]})" if where else ""
        return {"field": "body", "message": f"{not_whole}{at}."}
    field = field_of({**error, "loc": where[1:] if where[:1] in _PARTS else where})
    if not field and error["type"] != OWN:
        return {"field": "body", "message": f"{not_whole}."}
    return {"field": field or "body", "message": f"{complaint(error, field)}."}
