"""The form of every problem response."""

from typing import Any

import httpx2


def problem_of(response: httpx2.Response, status: int, name: str) -> dict[str, Any]:
    """Return the problem of a response. Fail unless it has the form of all problems."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["type"] == f"urn:problem:{name}"
    assert problem["title"]
    assert problem["status"] == status
    assert problem["detail"]
    assert problem["request_id"] == response.headers["x-request-id"]
    return problem
