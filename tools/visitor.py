"""What the tour needs of a service: a client that insists, and a witness for what HTTP hides."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import uuid4

import httpx2

USER_FIELDS = {"id", "email", "is_active", "created_at", "updated_at"}
_TOKEN_FIELDS = {"access_token", "refresh_token", "token_type", "expires_in"}
_PROBLEM = "application/problem+json"


class StepError(Exception):
    """A step did not hold. `request_id` leads to the service's log lines, if there was one."""

    def __init__(self, text: str, request_id: str | None = None) -> None:
        """Keep both."""
        super().__init__(text)
        self.request_id = request_id


class Witness(Protocol):
    """Somebody who sees the servers behind the service."""

    async def is_cached(self, user_id: str) -> bool:
        """Tell whether the cache holds this user."""

    def locked_tables(self) -> AbstractAsyncContextManager[None]:
        """Keep everybody else from reading users and sessions in PostgreSQL."""

    async def welcome(self, user_id: str) -> str:
        """Wait for the worker's notification to this user, and return the event's id."""

    async def deliver_again(self, user_id: str) -> None:
        """Publish a copy of the user's event, and return once the worker has handled it."""

    async def effects(self, user_id: str) -> tuple[int, int, int]:
        """Count the user's notifications, the event's inbox rows, and all waiting events."""

    async def settled(self) -> list[str]:
        """Wait until no event waits or is dead, and return the types of those published."""


@dataclass
class Visitor:
    """A user of the service: the client, the witness, and what earlier steps have learned."""

    client: httpx2.AsyncClient
    witness: Witness | None = None
    email: str = field(default_factory=lambda: f"demo-{uuid4().hex[:12]}@example.com")
    user_id: str = ""
    tokens: dict[str, Any] = field(default_factory=dict)

    async def call(
        self, method: str, path: str, expected: int, *, token: str = "", **body: str
    ) -> httpx2.Response:
        """Send a request and insist on the status, and on problem details for a refusal."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            answer = await self.client.request(method, path, json=body or None, headers=headers)
        except httpx2.HTTPError as error:
            text = f"{method} {path} got no answer: {type(error).__name__} {error}"
            raise StepError(text) from error
        if answer.status_code != expected:
            raise refusal(answer, f"should answer {expected}")
        if answer.is_error and not answer.headers.get("content-type", "").startswith(_PROBLEM):
            raise refusal(answer, f"should answer with {_PROBLEM}")
        return answer

    def require_witness(self) -> Witness:
        """Return the witness of a step that has one."""
        if self.witness is None:
            text = "this step needs a witness"
            raise StepError(text)
        return self.witness

    async def log_in(self, password: str) -> dict[str, Any]:
        """Start a session and return its tokens."""
        path = "/api/v1/auth/login"
        return tokens_of(await self.call("POST", path, 200, email=self.email, password=password))

    async def refresh(self, token: str) -> dict[str, Any]:
        """Exchange a refresh token for the next pair."""
        return tokens_of(await self.call("POST", "/api/v1/auth/refresh", 200, refresh_token=token))

    async def read_me(self, expected: int, tokens: dict[str, Any]) -> httpx2.Response:
        """Ask who the access token speaks for."""
        return await self.call("GET", "/api/v1/users/me", expected, token=tokens["access_token"])


def refusal(answer: httpx2.Response, wish: str) -> StepError:
    """Say what was asked, what should have come back, and what did."""
    request = answer.request
    text = f"{request.method} {request.url.path} {wish}.\nIt answered {answer.status_code}"
    request_id = answer.headers.get("x-request-id")
    return StepError(f"{text} {answer.text[:600]}".rstrip(), request_id)


def fields_of(answer: httpx2.Response, names: set[str]) -> dict[str, Any]:
    """Return an answer's object, which must have exactly these fields."""
    try:
        found: dict[str, Any] = answer.json()
    except ValueError:
        raise refusal(answer, "should answer with JSON") from None
    if set(found) != names:
        raise refusal(answer, f"should have the fields {', '.join(sorted(names))}")
    return found


def tokens_of(answer: httpx2.Response) -> dict[str, Any]:
    """Return an answer's tokens."""
    return fields_of(answer, _TOKEN_FIELDS)


def insist(truth: object, text: str) -> None:
    """Fail the step with a text unless something is true."""
    if not truth:
        raise StepError(text)
