"""The smoke test's client of a service, and what it needs of an inspector of its servers."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import uuid4

import httpx2

USER_FIELDS = {"id", "email", "is_active", "created_at", "updated_at"}
_TOKEN_FIELDS = {"access_token", "refresh_token", "token_type", "expires_in"}
_PROBLEM = "application/problem+json"


class StepError(Exception):
    """A step failed. `request_id` finds the service's log lines, if there was a request."""

    def __init__(self, text: str, request_id: str | None = None) -> None:
        """Keep the text and the request's id."""
        super().__init__(text)
        self.request_id = request_id


class Inspector(Protocol):
    """Looks into the servers behind the service."""

    async def is_cached(self, user_id: str) -> bool:
        """Return whether the cache holds this user."""

    def locked_tables(self) -> AbstractAsyncContextManager[None]:
        """Block all reads of users and sessions in PostgreSQL for a `with` block."""

    async def wait_for_notification(self, user_id: str) -> str:
        """Wait for the worker's notification to this user, and return the event's id."""

    async def redeliver(self, user_id: str) -> None:
        """Publish a copy of the user's event, and return once the worker has handled it."""

    async def effects(self, user_id: str) -> tuple[int, int, int]:
        """Count the user's notifications, the event's inbox rows, and all waiting events."""

    async def wait_until_settled(self) -> list[str]:
        """Wait until no event waits or is dead; return the types of all published events."""


@dataclass
class ApiClient:
    """A client of the service, with the account and the tokens that earlier steps created."""

    http: httpx2.AsyncClient
    inspector: Inspector | None = None
    email: str = field(default_factory=lambda: f"demo-{uuid4().hex[:12]}@example.com")
    user_id: str = ""
    tokens: dict[str, Any] = field(default_factory=dict)

    async def call(
        self, method: str, path: str, expected: int, *, token: str = "", **body: str
    ) -> httpx2.Response:
        """Send a request; require its status, and problem details if it is an error."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            answer = await self.http.request(method, path, json=body or None, headers=headers)
        except httpx2.HTTPError as error:
            text = f"{method} {path} got no answer: {type(error).__name__} {error}"
            raise StepError(text) from error
        if answer.status_code != expected:
            raise unexpected(answer, f"should answer {expected}")
        if answer.is_error and not answer.headers.get("content-type", "").startswith(_PROBLEM):
            raise unexpected(answer, f"should answer with {_PROBLEM}")
        return answer

    def require_inspector(self) -> Inspector:
        """Return the inspector, for a step that needs it."""
        if self.inspector is None:
            text = "this step needs an inspector"
            raise StepError(text)
        return self.inspector

    async def log_in(self, password: str) -> dict[str, Any]:
        """Start a session and return its tokens."""
        path = "/api/v1/auth/login"
        return tokens_of(await self.call("POST", path, 200, email=self.email, password=password))

    async def refresh(self, token: str) -> dict[str, Any]:
        """Exchange a refresh token for the next pair of tokens."""
        return tokens_of(await self.call("POST", "/api/v1/auth/refresh", 200, refresh_token=token))

    async def read_me(self, expected: int, tokens: dict[str, Any]) -> httpx2.Response:
        """Read the user that the access token belongs to."""
        return await self.call("GET", "/api/v1/users/me", expected, token=tokens["access_token"])


def unexpected(answer: httpx2.Response, requirement: str) -> StepError:
    """Return an error with the request, the requirement, and the answer."""
    request = answer.request
    text = f"{request.method} {request.url.path} {requirement}.\nIt answered {answer.status_code}"
    request_id = answer.headers.get("x-request-id")
    return StepError(f"{text} {answer.text[:600]}".rstrip(), request_id)


def fields_of(answer: httpx2.Response, names: set[str]) -> dict[str, Any]:
    """Return an answer's JSON object, which must have exactly these fields."""
    try:
        found: dict[str, Any] = answer.json()
    except ValueError:
        raise unexpected(answer, "should answer with JSON") from None
    if set(found) != names:
        raise unexpected(answer, f"should have the fields {', '.join(sorted(names))}")
    return found


def tokens_of(answer: httpx2.Response) -> dict[str, Any]:
    """Return an answer's tokens."""
    return fields_of(answer, _TOKEN_FIELDS)


def require(condition: object, text: str) -> None:
    """Fail the step with a text unless a condition is true."""
    if not condition:
        raise StepError(text)
