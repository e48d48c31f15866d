"""The operations of the API, as its own documentation lists them."""

import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx2
from fastapi import FastAPI

PARAMETER = re.compile(r"\{[^}]+\}")


@dataclass(frozen=True)
class Operation:
    """One method of one path, with its description in OpenAPI."""

    method: str
    path: str
    description: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def id(self) -> str:
        """The name of its function."""
        return str(self.description["operationId"])

    @property
    def url(self) -> str:
        """The path, with an id of no aggregate in place of each parameter."""
        return PARAMETER.sub(lambda _: str(uuid4()), self.path)

    @property
    def is_protected(self) -> bool:
        """Whether it needs an access token."""
        return bool(self.description.get("security"))

    @property
    def has_body(self) -> bool:
        """Whether a request has a body."""
        return "requestBody" in self.description

    @property
    def statuses(self) -> set[int]:
        """The documented statuses of its responses."""
        return {int(status) for status in self.description["responses"]}

    def matches(self, method: str, path: str) -> bool:
        """Tell whether it handles a request."""
        parts = ["[^/]+" if "{" in part else re.escape(part) for part in self.path.split("/")]
        return method == self.method and re.fullmatch("/".join(parts), path) is not None


def operations(document: dict[str, Any]) -> Iterator[Operation]:
    """Return all operations of an OpenAPI document."""
    for path, methods in document["paths"].items():
        for method, description in methods.items():
            yield Operation(method.upper(), path, description)


def requires_documented_status(app: FastAPI) -> Callable[[httpx2.Response], Awaitable[None]]:
    """Return a hook for a client: it fails when a response has an undocumented status.

    An internal error (500) is not documented: each operation may have it.
    """
    documented = [*operations(app.openapi())]

    async def check(response: httpx2.Response) -> None:
        request = response.request
        for operation in documented:
            if operation.matches(request.method, request.url.path):
                message = f"{operation} does not document status {response.status_code}"
                assert response.status_code in {*operation.statuses, 500}, message

    return check
