"""Users of Redis (ACL) that a test creates and removes."""

import re
from typing import Any

from redis.asyncio import Redis

from src.config import SERVICE
from src.utils.settings import ROOT

PASSWORD = "a-password-of-tests"


async def set_user(redis: Redis, user: str, *rules: str) -> None:
    """Create a user with these rules, or change it. It is on, and has the password of tests."""
    await _acl(redis, "SETUSER", user, "reset", "on", f">{PASSWORD}", *rules)


async def delete_user(redis: Redis, user: str) -> None:
    """Remove a user, and its connections."""
    await _acl(redis, "DELUSER", user)


def documented_rights(namespace: str) -> list[str]:
    """Return the rules that docs/deployment.md gives the service's user, for other keys."""
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    [rules] = re.findall(rf"ACL SETUSER {SERVICE} on >PASSWORD (.+)", page)
    return str(rules).replace(f"~{SERVICE}:", f"~{namespace}:").split()


async def _acl(redis: Redis, *words: Any) -> None:
    await redis.execute_command("ACL", *words)  # type: ignore[no-untyped-call]
