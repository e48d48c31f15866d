"""The one place where errors become HTTP: problem details (RFC 9457)."""

from http import HTTPStatus
from typing import Any, NamedTuple

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from src.domain.errors import AuthenticationError, EmailTakenError, WeakPasswordError
from src.usecases.ports.unit_of_work import DatabaseUnavailableError
from src.usecases.ports.users import NotFoundDatabaseError

MEDIA_TYPE = "application/problem+json"


class Kind(NamedTuple):
    """How one kind of error is answered. Without a detail, the error's own text is shown."""

    status: HTTPStatus
    type: str
    detail: str | None = None
    headers: dict[str, str] = {}  # noqa: RUF012  never changed


KINDS: dict[type[Exception], Kind] = {
    AuthenticationError: Kind(
        HTTPStatus.UNAUTHORIZED, "unauthenticated", headers={"WWW-Authenticate": "Bearer"}
    ),
    NotFoundDatabaseError: Kind(HTTPStatus.NOT_FOUND, "not-found"),
    EmailTakenError: Kind(HTTPStatus.CONFLICT, "email-taken"),
    WeakPasswordError: Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "weak-password"),
    DatabaseUnavailableError: Kind(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "unavailable",
        "The service cannot answer at the moment. Try again soon.",
        {"Retry-After": "1"},
    ),
}


def problem(
    status: int,
    kind: str,
    detail: str,
    headers: dict[str, str] | None = None,
    errors: list[dict[str, Any]] | None = None,
) -> Response:
    """Return a problem response. It carries the id under which the logs know the request."""
    body: dict[str, Any] = {
        "type": f"urn:problem:{kind}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "request_id": structlog.contextvars.get_contextvars().get("request_id", ""),
    }
    if errors is not None:
        body["errors"] = errors
    return Response(orjson.dumps(body), status, headers, MEDIA_TYPE)


def internal_error() -> Response:
    """Return the answer to a fault of ours, which says nothing about it."""
    return problem(
        HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "Something went wrong on our side."
    )


async def _known_error(_: Request, error: Exception) -> Response:
    kind = next(KINDS[cls] for cls in type(error).__mro__ if cls in KINDS)
    return problem(kind.status, kind.type, kind.detail or str(error), kind.headers)


async def _invalid_request(_: Request, error: RequestValidationError) -> Response:
    errors = [{"location": list(e["loc"]), "message": e["msg"]} for e in error.errors()]
    detail = "The request is not valid; `errors` tells where."
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", detail, errors=errors)


async def _http_error(_: Request, error: HTTPException) -> Response:
    """Answer what the framework found: no such route, method not allowed, body too large."""
    kind = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
    return problem(error.status_code, kind, str(error.detail), dict(error.headers or {}))


def add_error_handlers(app: FastAPI) -> None:
    """Have every error answered here."""
    for error in KINDS:
        app.add_exception_handler(error, _known_error)
    app.exception_handler(RequestValidationError)(_invalid_request)
    app.exception_handler(HTTPException)(_http_error)


def responses(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of a route's problems."""
    return {
        status: {
            "description": status.phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }
