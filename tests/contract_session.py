"""Hooks of schemathesis: `SCHEMATHESIS_HOOKS` names this file, `CONTRACT_URL` the service.

With `CONTRACT_SESSION=yes`, each request has a session of its own, so that a logout ends only that.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx2
import schemathesis

if TYPE_CHECKING:
    from schemathesis import AuthContext, Case, HookContext

CLIENT = httpx2.Client(base_url=os.environ["CONTRACT_URL"] + "/api/v1/auth", timeout=10)
ACCOUNT = {"email": f"{uuid4().hex}@example.com", "password": uuid4().hex}
SHORTEST = 8
SHORTEST_WORD = 4  # a password that repeats a shorter word is not weak


@schemathesis.hook
def filter_body(context: HookContext, body: Any) -> bool:  # noqa: ANN401, ARG001
    """Leave out passwords that the service may refuse as weak: no schema can express those.

    Examples are 00000000, Infinity, and passwords that repeat the address.
    """
    if not isinstance(body, dict):
        return True
    parts = [*str(body.get("email")).casefold().split("@"), "service"]
    words = [part for part in parts if len(part) >= SHORTEST_WORD]
    return not any(_may_be_weak(body.get(name), words) for name in ("password", "new_password"))


def _may_be_weak(password: object, words: list[str]) -> bool:
    if not isinstance(password, str) or len(password) < SHORTEST:
        return False
    return password.isalnum() or any(word in password.casefold() for word in words)


class Session:
    """Bearer tokens that the service issues."""

    def get(self, case: Case[Any], context: AuthContext) -> str:  # noqa: ARG002
        """Log in and return a new access token."""
        answer = CLIENT.post("/login", json=ACCOUNT)
        return str(answer.raise_for_status().json()["access_token"])

    def set(self, case: Case[Any], data: str, context: AuthContext) -> None:  # noqa: ARG002
        """Send the token in the request's headers."""
        case.headers["Authorization"] = f"Bearer {data}"


if os.environ.get("CONTRACT_SESSION"):
    CLIENT.post("/register", json=ACCOUNT).raise_for_status()
    schemathesis.auth(refresh_interval=None)(Session)
