"""Tells which errors of Redis mean that the settings or the rights are wrong."""

from redis.exceptions import (
    AskError,
    AuthenticationError,
    ClusterCrossSlotError,
    ClusterDownError,
    NoPermissionError,
    RedisError,
    ResponseError,
)

from src.usecases.errors import ServerState
from src.utils.tls import explain

IN_SCRIPT = "ACL failure in script"
"""A part of Redis's text when a script runs a command, or uses a key, without the right."""
NO_CLUSTER = "Redis Cluster is not supported: set REDIS_HOST to a server that is no cluster"
STATES: dict[str, ServerState] = {"OutOfMemoryError": "full", "ReadOnlyError": "read-only"}


class RedisRefusedError(RedisError):
    """Redis answers and refuses this service. The text says what to change."""

    state: ServerState = "refused"


def refusal_of(error: RedisError) -> RedisRefusedError | None:
    """Return an error that says what to change, or None if the error may pass by itself."""
    change = None
    if isinstance(error, AuthenticationError):
        change = "Redis refuses the login: correct REDIS_USERNAME and REDIS_PASSWORD"
    elif isinstance(error, NoPermissionError) or IN_SCRIPT in str(error):
        change = "Redis refuses a command: give REDIS_USERNAME the rights in docs/deployment.md"
    elif isinstance(error, AskError | ClusterDownError | ClusterCrossSlotError):
        change = NO_CLUSTER
    elif not isinstance(error, ResponseError):
        change = explain(error, "REDIS")
    return RedisRefusedError(f"{change} ({error})") if change else None


def state_of(error: RedisError) -> ServerState:
    """Return what Redis can do for this service, judged by its error."""
    refused: ServerState = getattr(error, "state", "unavailable")
    return STATES.get(type(error).__name__, refused)
