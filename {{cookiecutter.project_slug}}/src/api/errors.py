"""The one place where errors become HTTP: problem details (RFC 9457)."""

from http import HTTPStatus
from typing import Any, NamedTuple

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
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
SCHEMA = {
    "type": "object",
    "properties": {
        "type": {"type": "string", "examples": ["urn:problem:email-taken"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "With invalid requests only: where they are wrong, and why.",
            "items": {
                "type": "object",
                "properties": {"location": {"type": "array"}, "message": {"type": "string"}},
            },
        },
    },
    "required": ["type", "title", "status", "detail", "request_id"],
}


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


def problem(
    status: int, name: str, detail: str, headers: dict[str, str] | None = None, **more: Any
) -> Response:
    """Return a problem response. It carries the id under which the logs know the request."""
    body = {
        "type": f"urn:problem:{name}",
        "title": TITLES.get(status, HTTPStatus(status).phrase),
        "status": status,
        "detail": detail,
        "request_id": structlog.contextvars.get_contextvars().get("request_id", ""),
        **more,
    }
    return Response(orjson.dumps(body), status, headers, MEDIA_TYPE)


def internal_error() -> Response:
    """Return the answer to a fault of ours, which says nothing about it."""
    return problem(500, "internal-error", "Something went wrong on our side.")


async def _known_error(_: Request, error: Exception) -> Response:
    kind = next(KINDS[cls] for cls in type(error).__mro__ if cls in KINDS)
    if kind.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error(kind.name, exc_info=error.__cause__)
    headers = kind.headers
    if isinstance(error, TooManyAttemptsError):
        headers = {"Retry-After": str(error.retry_after)}
    return problem(kind.status, kind.name, kind.detail or str(error), headers)


async def _invalid_request(_: Request, error: RequestValidationError) -> Response:
    errors = [
        {"location": [str(part)[:MAX_LOCATION] for part in e["loc"]], "message": e["msg"]}
        for e in error.errors()[:MAX_ERRORS]
    ]
    detail = "The request is not valid; `errors` tells where."
    return problem(422, "invalid-request", detail, errors=errors)


async def _http_error(_: Request, error: HTTPException) -> Response:
    """Answer what the framework found: no such route, method not allowed, body too large."""
    if error.status_code == HTTPStatus.BAD_REQUEST:  # a body that cannot even be decoded
        return problem(422, "invalid-request", "The body is not valid JSON.", errors=[])
    name = FRAMEWORK_NAMES.get(error.status_code, f"http-{error.status_code}")
    return problem(error.status_code, name, str(error.detail), dict(error.headers or {}))


def add_error_handlers(app: FastAPI) -> None:
    """Have every error answered here."""
    for error in KINDS:
        app.add_exception_handler(error, _known_error)
    app.exception_handler(RequestValidationError)(_invalid_request)
    app.exception_handler(HTTPException)(_http_error)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return how OpenAPI describes a route's problems."""
    content = {MEDIA_TYPE: {"schema": SCHEMA}}
    described: dict[int | str, dict[str, Any]] = {
        s: {"description": TITLES.get(s, HTTPStatus(s).phrase), "content": content}
        for s in statuses
    }
    for status in HEADERS.keys() & described:
        described[status]["headers"] = {HEADERS[status]: {"schema": {"type": "string"}}}
    return described
