"""Errors as users meet them: RFC 9457 problem documents with a sentence that says what to do."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from services.common.logs import logger

PROBLEM_JSON = "application/problem+json"


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
        return invalid_request(invalid).response()

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        detail = str(error.detail)
        if detail == HTTPStatus(error.status_code).phrase:  # the router's own words
            detail = f"{request.method} {request.url.path} is not a call of this service; /docs lists them."
        return Problem(error.status_code, detail, headers=error.headers).response()

    @app.exception_handler(Exception)
    async def _unexpected(request: Request, error: Exception) -> JSONResponse:
        logger().error("unexpected error", path=request.url.path, exc_info=error)
        return Problem(500, "Something unexpected went wrong; the service's log has the details.").response()


def invalid_request(invalid: RequestValidationError) -> Problem:
    """The 422 that names each field that is wrong; its member `errors` lists them."""
    errors = [_complaint(e) for e in invalid.errors()]
    detail = "; ".join(f"{e['field']}: {e['message']}" for e in errors[:5])
    return Problem(422, detail, errors=errors)


def _complaint(error: Mapping[str, Any]) -> dict[str, str]:
    """The field of a refused body and what is wrong with it, in words for whoever sent it."""
    if error["type"] == "json_invalid":
        at = f" (at byte {error['loc'][-1]})" if error["loc"] else ""
        return {"field": "body", "message": f"not JSON{at}"}
    if error["type"] in ("model_attributes_type", "dict_type") and error["loc"] == ("body",):
        return {"field": "body", "message": "a JSON object is expected, sent with content-type: application/json"}
    field = ".".join(str(part) for part in error["loc"] if part != "body")
    return {"field": field or "body", "message": error["msg"].removeprefix("Value error, ")}
