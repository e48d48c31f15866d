"""Problem details (RFC 9457): the one place where errors become HTTP responses."""

import re
from http import HTTPStatus
from typing import Annotated, Any, Literal, NamedTuple

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from src.api.methods import allowed_methods
from src.domain.errors import (
    AuthenticationError,
    ConflictError,
    InvalidError,
    PermissionDeniedError,
)
from src.usecases.errors import NotFoundDatabaseError, UnavailableError
from src.usecases.ports.login_throttle import TooManyAttemptsError
from src.usecases.ports.password_hasher import HashingBusyError

MEDIA_TYPE = "application/problem+json"
MAX_ERRORS = 20  # a response must not be much larger than its request
MAX_LOCATION = 64
TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}  # RFC 9110; Python's vary
FRAMEWORK_NAMES = {404: "not-found", 405: "method-not-allowed", 413: "content-too-large"}
HEADERS = {401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}
UNREADABLE_BODY = "There was an error parsing the body"  # the text of FastAPI
UNAVAILABLE = "The service cannot answer at the moment. Try again soon."


class Problem(BaseModel):
    """The body of an error response. `errors` lists where an invalid request is wrong, and why."""

    type: Annotated[str, Field(examples=["urn:problem:email-taken"])]
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[dict[Literal["location", "message"], Any]] = []


class ProblemType(NamedTuple):
    """The response to one kind of error.

    Without a name, the name is derived from the error's class: `EmailTakenError` is `email-taken`.
    Without a detail, the detail is the error's own text.
    """

    status: int
    name: str | None = None
    headers: dict[str, str] | None = None
    detail: str | None = None


PROBLEM_TYPES: dict[type[Exception], ProblemType] = {
    InvalidError: ProblemType(422),
    AuthenticationError: ProblemType(401, "unauthenticated", {"WWW-Authenticate": "Bearer"}),
    PermissionDeniedError: ProblemType(403),
    NotFoundDatabaseError: ProblemType(404, "not-found"),
    ConflictError: ProblemType(409),
    TooManyAttemptsError: ProblemType(429),
    UnavailableError: ProblemType(503, "unavailable", {"Retry-After": "1"}, UNAVAILABLE),
    HashingBusyError: ProblemType(503, "busy", {"Retry-After": "1"}, UNAVAILABLE),
}
"""The response to an error and to every class derived from it."""


def _title(status: int) -> str:
    return TITLES.get(status, HTTPStatus(status).phrase)


def _name(error: Exception) -> str:
    words = re.findall("[A-Z][a-z0-9]*", type(error).__name__.removesuffix("Error"))
    return "-".join(words).lower()


def _problem(
    status: int, name: str, detail: str, headers: dict[str, str] | None = None, **more: Any
) -> Response:
    """Return a problem response. It carries the request's id, as in the logs."""
    body = Problem(
        type=f"urn:problem:{name}",
        title=_title(status),
        status=status,
        detail=detail,
        request_id=structlog.contextvars.get_contextvars().get("request_id", ""),
        **more,
    )
    return Response(body.model_dump_json(exclude_unset=True), status, headers, MEDIA_TYPE)


def internal_error() -> Response:
    """Return the response to an unexpected error, which reveals nothing about it."""
    return _problem(500, "internal-error", "The service could not handle the request.")


async def _known_error(_: Request, error: Exception) -> Response:
    cls = next(cls for cls in type(error).__mro__ if cls in PROBLEM_TYPES)
    status, name, headers, detail = PROBLEM_TYPES[cls]
    name = name or _name(error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # For the line of the request: one line has the error, and at times its traceback.
        structlog.contextvars.bind_contextvars(problem=name, exc_info=error.__cause__ or error)
    if isinstance(error, TooManyAttemptsError):
        headers = {"Retry-After": str(error.retry_after)}
    return _problem(status, name, detail or str(error), headers)


async def _invalid_request(_: Request, error: RequestValidationError) -> Response:
    errors = [
        {"location": [str(part)[:MAX_LOCATION] for part in e["loc"]], "message": e["msg"]}
        for e in error.errors()[:MAX_ERRORS]
    ]
    detail = "The request is not valid: see `errors`."
    return _problem(422, "invalid-request", detail, errors=errors)


async def _http_error(request: Request, error: HTTPException) -> Response:
    """Answer an error of the framework: unknown route, wrong method, body too large."""
    if error.status_code == HTTPStatus.BAD_REQUEST and error.detail == UNREADABLE_BODY:
        return _problem(422, "invalid-request", "The body is not valid JSON.", errors=[])
    name = FRAMEWORK_NAMES.get(error.status_code, f"http-{error.status_code}")
    is_wrong_method = error.status_code == HTTPStatus.METHOD_NOT_ALLOWED
    headers = allowed_methods(request) if is_wrong_method else dict(error.headers or {})
    return _problem(error.status_code, name, str(error.detail), headers)


def add_error_handlers(app: FastAPI) -> None:
    """Answer every known error with a problem."""
    for error in PROBLEM_TYPES:
        app.add_exception_handler(error, _known_error)
    app.exception_handler(RequestValidationError)(_invalid_request)
    app.exception_handler(HTTPException)(_http_error)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the part of OpenAPI that describes a route's problems."""
    content = {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}
    header = {"schema": {"type": "string"}}
    return {
        status: {
            "description": _title(status),
            "content": content,
            "headers": {HEADERS[status]: header} if status in HEADERS else {},
        }
        for status in statuses
    }
