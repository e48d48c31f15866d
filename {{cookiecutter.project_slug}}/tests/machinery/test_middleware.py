import re
from typing import Any

import orjson
import pytest
import structlog
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from src.api.middleware import RequestMiddleware

NEW_ID = re.compile(r"[0-9a-f]{32}")


def http(request_id: bytes | None = None) -> Scope:
    headers = [] if request_id is None else [(b"x-request-id", request_id)]
    return {
        "type": "http",
        "method": "GET",
        "path": "/somewhere",
        "headers": headers,
        "client": None,
    }


class Client:
    """Calls an application behind the middleware and stores the messages that it sends."""

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
    """Answer with the request id of the log lines."""
    request_id = structlog.contextvars.get_contextvars()["request_id"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": request_id.encode()})


async def fail(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("the secret is hunter2")


async def fail_after_the_start(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise RuntimeError("too late")


@pytest.mark.parametrize("request_id", [b"a", b"0b7e-41.c_D", b"x" * 64])
async def test_a_valid_request_id_of_the_client_is_kept_and_sent_back(request_id: bytes) -> None:
    client = Client(answer)

    await client.call(http(request_id))

    assert client.headers[b"x-request-id"] == client.sent[1]["body"] == request_id


@pytest.mark.parametrize(
    "request_id",
    [
        pytest.param(None, id="none"),
        pytest.param(b"", id="empty"),
        pytest.param(b"x" * 65, id="too long"),
        pytest.param(b"two words", id="a space"),
        pytest.param(b"id\n", id="a line break"),
        pytest.param(b'","admin":true', id="quotes"),
        pytest.param("ä".encode(), id="not ASCII"),
        pytest.param(b"\xff\xfe", id="not UTF-8"),
        pytest.param(b"\0", id="a null character"),
    ],
)
async def test_a_missing_or_invalid_request_id_is_replaced_by_a_new_one(
    request_id: bytes | None,
) -> None:
    client = Client(answer)

    await client.call(http(request_id))

    sent = client.headers[b"x-request-id"]
    assert NEW_ID.fullmatch(sent.decode())
    assert client.sent[1]["body"] == sent


async def test_two_requests_get_different_request_ids() -> None:
    one = Client(answer)
    other = Client(answer)

    await one.call(http())
    await other.call(http())

    assert one.headers[b"x-request-id"] != other.headers[b"x-request-id"]


async def test_log_context_of_an_earlier_request_is_cleared() -> None:
    structlog.contextvars.bind_contextvars(user_id="another user")
    seen: dict[str, Any] = {}

    async def inspect(scope: Scope, receive: Receive, send: Send) -> None:
        seen.update(structlog.contextvars.get_contextvars())
        await answer(scope, receive, send)

    await Client(inspect).call(http(b"mine"))

    assert seen == {"request_id": "mine", "client": None}


async def test_an_unhandled_exception_is_a_500_with_the_request_id_and_no_details() -> None:
    client = Client(fail)

    await client.call(http(b"mine"))

    assert client.status == 500
    assert client.headers[b"x-request-id"] == b"mine"
    assert client.headers[b"content-type"] == b"application/problem+json"
    assert client.problem["status"] == 500
    assert client.problem["request_id"] == "mine"
    assert b"hunter2" not in client.sent[1]["body"]


async def test_an_exception_after_the_start_of_the_response_breaks_the_connection() -> None:
    client = Client(fail_after_the_start)

    with pytest.raises(RuntimeError, match="too late"):
        await client.call(http())

    assert [message["type"] for message in client.sent] == ["http.response.start"]


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
async def test_a_scope_other_than_http_passes_through_unchanged(kind: str) -> None:
    seen: list[Scope] = []

    async def inspect(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await send({"type": f"{kind}.done"})

    client = Client(inspect)
    scope = {"type": kind}

    await client.call(scope)

    assert seen == [scope]
    assert seen[0] is scope
    assert client.sent == [{"type": f"{kind}.done"}]


async def test_a_response_that_is_sent_again_gets_the_headers_once_each_time() -> None:
    response = Response("ready")
    for request_id in (b"one", b"two"):
        client = Client(response)
        await client.call(http(request_id))
        names = [name for name, _ in client.sent[0]["headers"]]
        assert names.count(b"x-request-id") == names.count(b"x-content-type-options") == 1
        assert client.headers[b"x-request-id"] == request_id
