import re
from typing import Any

import orjson
import pytest
import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from src.api.middleware import RequestMiddleware

FRESH_ID = re.compile(r"[0-9a-f]{32}")


def http(request_id: bytes | None = None) -> Scope:
    headers = [] if request_id is None else [(b"x-request-id", request_id)]
    return {
        "type": "http",
        "method": "GET",
        "path": "/somewhere",
        "headers": headers,
        "client": None,
    }


class Caller:
    """Calls an application behind the middleware and keeps what it sends."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = RequestMiddleware(app)
        self.sent: list[Message] = []

    async def call(self, scope: Scope) -> None:
        async def receive() -> Message:
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            self.sent.append(message)

        await self._app(scope, receive, send)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])

    @property
    def problem(self) -> dict[str, Any]:
        body: dict[str, Any] = orjson.loads(self.sent[1]["body"])
        return body


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the request id as the logs know it."""
    request_id = structlog.contextvars.get_contextvars()["request_id"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": request_id.encode()})


async def fail(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("the secret is hunter2")


async def fail_half_way(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise RuntimeError("too late")


@pytest.mark.parametrize("request_id", [b"a", b"0b7e-41.c_D", b"x" * 64])
async def test_a_request_id_of_the_caller_is_kept_and_sent_back(request_id: bytes) -> None:
    caller = Caller(answer)

    await caller.call(http(request_id))

    assert caller.headers[b"x-request-id"] == caller.sent[1]["body"] == request_id


@pytest.mark.parametrize(
    "request_id",
    [
        pytest.param(None, id="none"),
        pytest.param(b"", id="empty"),
        pytest.param(b"x" * 65, id="too long"),
        pytest.param(b"two words", id="a blank"),
        pytest.param(b"id\n", id="a line break"),
        pytest.param(b'","admin":true', id="quotes"),
        pytest.param("ä".encode(), id="not ASCII"),
        pytest.param(b"\xff\xfe", id="not UTF-8"),
        pytest.param(b"\0", id="a null character"),
    ],
)
async def test_any_other_request_id_is_replaced_by_a_fresh_one(request_id: bytes | None) -> None:
    caller = Caller(answer)

    await caller.call(http(request_id))

    sent = caller.headers[b"x-request-id"]
    assert FRESH_ID.fullmatch(sent.decode())
    assert caller.sent[1]["body"] == sent


async def test_two_requests_get_two_ids() -> None:
    one, other = Caller(answer), Caller(answer)

    await one.call(http())
    await other.call(http())

    assert one.headers[b"x-request-id"] != other.headers[b"x-request-id"]


async def test_what_an_earlier_request_noted_for_its_logs_is_gone() -> None:
    structlog.contextvars.bind_contextvars(user_id="someone else")
    seen: dict[str, Any] = {}

    async def look(scope: Scope, receive: Receive, send: Send) -> None:
        seen.update(structlog.contextvars.get_contextvars())
        await answer(scope, receive, send)

    await Caller(look).call(http(b"mine"))

    assert seen == {"request_id": "mine", "client": None}


async def test_an_error_nobody_caught_is_a_500_that_tells_the_request_id_only() -> None:
    caller = Caller(fail)

    await caller.call(http(b"mine"))

    assert caller.status == 500
    assert caller.headers[b"x-request-id"] == b"mine"
    assert caller.headers[b"content-type"] == b"application/problem+json"
    assert caller.problem["status"] == 500
    assert caller.problem["request_id"] == "mine"
    assert b"hunter2" not in caller.sent[1]["body"]


async def test_an_error_within_the_answer_breaks_the_connection() -> None:
    caller = Caller(fail_half_way)

    with pytest.raises(RuntimeError, match="too late"):
        await caller.call(http())

    assert [message["type"] for message in caller.sent] == ["http.response.start"]


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
async def test_what_is_no_http_request_passes_through_untouched(kind: str) -> None:
    seen: list[Scope] = []

    async def look(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await send({"type": f"{kind}.done"})

    caller, scope = Caller(look), {"type": kind}

    await caller.call(scope)

    assert seen == [scope]
    assert seen[0] is scope
    assert caller.sent == [{"type": f"{kind}.done"}]
