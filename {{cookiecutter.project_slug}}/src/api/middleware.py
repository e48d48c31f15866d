"""Wraps every request: request id, log line, body limit, and a 500 for unhandled exceptions.

Pure ASGI, because Starlette's `BaseHTTPMiddleware` costs each request a task and two queues.
"""

import logging
import re
import sys
import time
from http import HTTPStatus
from secrets import token_hex

import structlog
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from src.api.problems import internal_error

log = structlog.get_logger()

MAX_BODY_BYTES = 1024 * 1024
HEADER = "X-Request-ID"
# As ASGI sends them: MutableHeaders would encode each for every response.
RAW_HEADER = HEADER.lower().encode()
NO_SNIFFING = (b"x-content-type-options", b"nosniff")
NO_STORE = (b"cache-control", b"no-store")
ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestMiddleware:
    """Gives each request an id, which its log lines, its events and its response carry."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection. Only HTTP requests are wrapped."""
        if scope["type"] != "http":
            await self._app(scope, receive, _in_one_sentence(send))
            return
        request_id = _begin(scope)
        path = _path(scope)
        started = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(message, path, request_id)
            await send(message)

        try:
            await self._app(_without_head(scope), _limited(receive), send_with_id)
        except Exception:
            log.exception("unhandled_error")
            if status:
                raise  # the response has begun, so only closing the connection shows the error
            await internal_error()(scope, receive, send_with_id)
        finally:
            _log_request(scope["method"], path, status, time.perf_counter() - started)


def _path(scope: Scope) -> str:
    """Return the path without a proxy's prefix. Call it first: a mount changes the scope."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def _without_head(scope: Scope) -> Scope:
    """Turn HEAD into GET. The server sends no body, because it knows the real method."""
    return {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope


def _in_one_sentence(send: Send) -> Send:
    """Wrap `send` to report a start that ended with `SystemExit` by its message.

    Starlette would report a traceback, and the message is a sentence for the operator.
    """

    async def send_sentence(message: Message) -> None:
        error = sys.exception()
        if message["type"] == "lifespan.startup.failed" and isinstance(error, SystemExit):
            message = {**message, "message": str(error)}
        await send(message)

    return send_sentence


def _begin(scope: Scope) -> str:
    """Bind the request's id to its log lines. Return the client's id if valid, else a new one."""
    sent_id = Headers(scope=scope).get(HEADER, "")
    request_id = sent_id if ACCEPTED_ID.fullmatch(sent_id) else token_hex(16)
    structlog.contextvars.clear_contextvars()
    client = scope["client"][0] if scope["client"] else None
    structlog.contextvars.bind_contextvars(request_id=request_id, client=client)
    return request_id


def _add_headers(message: Message, path: str, request_id: str) -> None:
    added = [(RAW_HEADER, request_id.encode()), NO_SNIFFING]
    if path.startswith("/api/"):  # tokens and users' data
        added.append(NO_STORE)
    message["headers"] = [*message["headers"], *added]  # a new list: a response may be sent again


def _limited(receive: Receive) -> Receive:
    """Wrap `receive` to reject bodies larger than `MAX_BODY_BYTES`.

    FastAPI's `max_body_size` answers in plain text and bypasses the exception handlers.
    """
    size = 0

    async def receive_limited() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > MAX_BODY_BYTES:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large.")
        return message

    return receive_limited


def _log_request(method: str, path: str, status: int, seconds: float) -> None:
    level = logging.ERROR if status >= HTTPStatus.INTERNAL_SERVER_ERROR else logging.INFO
    # Health checks arrive every few seconds. A successful one is of no interest.
    if path.startswith("/health/"):
        level = logging.DEBUG if status == HTTPStatus.OK else logging.INFO
    log.log(
        level,
        "request",
        method=method,
        path=path,
        status=status,
        milliseconds=round(seconds * 1000, 2),
    )
