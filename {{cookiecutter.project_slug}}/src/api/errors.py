"""The one place where errors become HTTP: problem details (RFC 9457)."""

from http import HTTPStatus
from typing import Annotated, Any, Literal, NamedTuple

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from src.domain.errors import AuthenticationError, EmailTakenError, WeakPasswordError
from src.usecases.ports.security import HashingBusyError
from src.usecases.ports.throttle import TooManyAttemptsError
from src.usecases.ports.unit_of_work import DatabaseUnavailableError
from src.usecases.ports.users import NotFoundDatabaseError

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
MAX_ERRORS, MAX_LOCATION = 20, 64  # an answer must not be much larger than its request
TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}  # RFC 9110; Python's vary
FRAMEWORK_NAMES = {404: "not-found", 405: "method-not-allowed", 413: "content-too-large"}


class Problem(BaseModel):
    """What is answered. `errors` tells of an invalid request where it is wrong, and why."""

    type: Annotated[str, Field(examples=["urn:problem:email-taken"])]
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[dict[Literal["location", "message"], Any]] = []


class Kind(NamedTuple):
    """How one kind of error is answered. Without a detail, the error's own text is shown."""

    status: HTTPStatus
    name: str
    headers: dict[str, str] | None = None
    detail: str | None = None


UNAVAILABLE = Kind(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "unavailable",
    {"Retry-After": "1"},
    "The service cannot answer at the moment. Try again soon.",
)
KINDS: dict[type[Exception], Kind] = {
    AuthenticationError: Kind(
        HTTPStatus.UNAUTHORIZED, "unauthenticated", {"WWW-Authenticate": "Bearer"}
    ),
    NotFoundDatabaseError: Kind(HTTPStatus.NOT_FOUND, "not-found"),
    EmailTakenError: Kind(HTTPStatus.CONFLICT, "email-taken"),
    WeakPasswordError: Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "weak-password"),
    TooManyAttemptsError: Kind(HTTPStatus.TOO_MANY_REQUESTS, "too-many-attempts"),
    DatabaseUnavailableError: UNAVAILABLE,
    HashingBusyError: UNAVAILABLE._replace(name="busy"),
}
HEADERS = {401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}


def _title(status: int) -> str:
    return TITLES.get(status, HTTPStatus(status).phrase)


def _problem(
    status: int, name: str, detail: str, headers: dict[str, str] | None = None, **more: Any
) -> Response:
    """Return a problem response. It carries the id under which the logs know the request."""
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
    """Return the answer to a fault of ours, which says nothing about it."""
    return _problem(500, "internal-error", "Something went wrong on our side.")


async def _known_error(_: Request, error: Exception) -> Response:
    kind = next(KINDS[cls] for cls in type(error).__mro__ if cls in KINDS)
    if kind.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error(kind.name, exc_info=error.__cause__)
    headers = kind.headers
    if isinstance(error, TooManyAttemptsError):
        headers = {"Retry-After": str(error.retry_after)}
    return _problem(kind.status, kind.name, kind.detail or str(error), headers)


async def _invalid_request(_: Request, error: RequestValidationError) -> Response:
    errors = [
        {"location": [str(part)[:MAX_LOCATION] for part in e["loc"]], "message": e["msg"]}
        for e in error.errors()[:MAX_ERRORS]
    ]
    detail = "The request is not valid; `errors` tells where."
    return _problem(422, "invalid-request", detail, errors=errors)


async def _http_error(_: Request, error: HTTPException) -> Response:
    """Answer what the framework found: no such route, method not allowed, body too large."""
    if error.status_code == HTTPStatus.BAD_REQUEST:  # a body that cannot even be decoded
        return _problem(422, "invalid-request", "The body is not valid JSON.", errors=[])
    name = FRAMEWORK_NAMES.get(error.status_code, f"http-{error.status_code}")
    return _problem(error.status_code, name, str(error.detail), dict(error.headers or {}))


def add_error_handlers(app: FastAPI) -> None:
    """Have every error answered here."""
    for error in KINDS:
        app.add_exception_handler(error, _known_error)
    app.exception_handler(RequestValidationError)(_invalid_request)
    app.exception_handler(HTTPException)(_http_error)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return how OpenAPI describes a route's problems."""
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
