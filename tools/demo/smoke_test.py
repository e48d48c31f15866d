"""The smoke test of a running service: steps that a client takes, each with what must hold.

It needs a base URL. HTTP does not show that a read came from the cache or that the worker handled
an event: an inspector of the servers does. Without an inspector, those steps are left out.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from tools.common.console import Console
from tools.common.waiting import eventually_async
from tools.demo.api_client import USER_FIELDS, ApiClient, fields_of, require

_FIRST, _SECOND = "violet-kettle-93-harbour", "marble-lantern-27-orchard"


async def is_up(api: ApiClient) -> str:
    """Open the health checks and the documentation."""
    await api.call("GET", "/health/live", 200)
    await api.call("GET", "/health/ready", 200)
    page = await api.call("GET", "/docs", 200)
    require("openapi" in page.text.lower(), "GET /docs shows no API")
    return "/health/ready and /docs answer"


async def register(api: ApiClient) -> str:
    """Register an account."""
    path = "/api/v1/auth/register"
    answer = await api.call("POST", path, 201, email=api.email, password=_FIRST)
    user = fields_of(answer, USER_FIELDS)
    api.user_id = str(UUID(user["id"]))
    require(
        user["email"] == api.email and user["is_active"],
        f"the user differs from what was sent: {user}",
    )
    return f"201, {api.email}"


async def register_again(api: ApiClient) -> str:
    """Register the same address again, in capitals."""
    path = "/api/v1/auth/register"
    await api.call("POST", path, 409, email=api.email.upper(), password=_FIRST)
    return "409, in capitals too"


async def event(api: ApiClient) -> str:
    """Follow the event through the outbox, RabbitMQ and the worker to the notification."""
    inspector = api.require_inspector()
    event_id = await inspector.wait_for_notification(api.user_id)
    await require_once(api)
    return f"event {event_id[:8]}: one notification, one inbox row, outbox empty"


async def event_again(api: ApiClient) -> str:
    """Deliver the same event a second time, as RabbitMQ may."""
    inspector = api.require_inspector()
    await inspector.redeliver(api.user_id)
    await require_once(api)
    return "handled twice, still one notification"


async def require_once(api: ApiClient) -> None:
    """Require that the event had its effects exactly once."""
    notifications, inbox, waiting = await api.require_inspector().effects(api.user_id)
    text = f"{notifications} notifications, {inbox} inbox rows, {waiting} in the outbox"
    require((notifications, inbox, waiting) == (1, 1, 0), f"not exactly once: {text}")


async def log_in(api: ApiClient) -> str:
    """Log in; a wrong password and an unknown address must get the same answer."""
    path = "/api/v1/auth/login"
    wrong = await api.call("POST", path, 401, email=api.email, password=_SECOND)
    unknown = await api.call("POST", path, 401, email="x" + api.email, password=_SECOND)
    same = all(wrong.json()[key] == unknown.json()[key] for key in ("type", "title", "detail"))
    require(same, f"the answers reveal which address has an account: {wrong.text} {unknown.text}")
    api.tokens = await api.log_in(_FIRST)
    return f"tokens for {api.tokens['expires_in']} s; wrong password 401"


async def read(api: ApiClient) -> str:
    """Read the user, with and without a token."""
    user = fields_of(await api.read_me(200, api.tokens), USER_FIELDS)
    require(user["id"] == api.user_id, f"the answer is another user: {user}")
    await api.call("GET", "/api/v1/users/me", 401)
    return "200; without a token 401"


async def read_miss(api: ApiClient) -> str:
    """Read while the cache is empty, and require that the read fills it."""
    inspector = api.require_inspector()
    require(
        not await inspector.is_cached(api.user_id), "the user is in Redis before the first read"
    )
    await read(api)
    await eventually_async(  # the answer does not wait for the fill
        "the user is in Redis after the first read", lambda: inspector.is_cached(api.user_id)
    )
    return "not in Redis before, in Redis after"


async def read_hit(api: ApiClient) -> str:
    """Read while the tables are locked, so that only the cache can answer."""
    async with api.require_inspector().locked_tables():
        await read(api)
    return "answered while the tables were locked"


async def refresh(api: ApiClient) -> str:
    """Refresh twice; the previous token, sent again at once, must get the same successor."""
    first = api.tokens["refresh_token"]
    second = await api.refresh(first)
    repeated = await api.refresh(first)
    same = repeated["refresh_token"] == second["refresh_token"]
    require(same, "a repeated refresh did not get the same token again")
    third = await api.refresh(second["refresh_token"])
    require(third["refresh_token"] != second["refresh_token"], "the refresh token did not change")
    await api.read_me(200, third)
    api.tokens = {**third, "stolen": first}
    return "a new pair each time; a repeated request gets the same pair"


async def replay(api: ApiClient) -> str:
    """Replay a refresh token of an older generation."""
    path = "/api/v1/auth/refresh"
    await api.call("POST", path, 401, refresh_token=api.tokens["stolen"])
    await api.read_me(401, api.tokens)
    await api.call("POST", path, 401, refresh_token=api.tokens["refresh_token"])
    return "401, and the whole session ended at once"


async def change_password(api: ApiClient) -> str:
    """Change the password in one of two sessions."""
    here, elsewhere = await api.log_in(_FIRST), await api.log_in(_FIRST)
    await api.read_me(200, elsewhere)
    await api.call(
        "PUT",
        "/api/v1/users/me/password",
        204,
        token=here["access_token"],
        current_password=_FIRST,
        new_password=_SECOND,
    )
    await api.read_me(401, elsewhere)
    await api.read_me(200, here)
    await api.call("POST", "/api/v1/auth/login", 401, email=api.email, password=_FIRST)
    await api.log_in(_SECOND)
    api.tokens = here
    return "204; the other session ended, this one goes on"


async def log_out(api: ApiClient) -> str:
    """End the session."""
    token = api.tokens["access_token"]
    await api.call("POST", "/api/v1/auth/logout", 204, token=token)
    await api.read_me(401, api.tokens)
    path = "/api/v1/auth/refresh"
    await api.call("POST", path, 401, refresh_token=api.tokens["refresh_token"])
    return "204; its tokens are refused from now on"


async def all_events(api: ApiClient) -> str:
    """Require that every event left the outbox and that none is a dead letter."""
    published = await api.require_inspector().wait_until_settled()
    return f"published: {', '.join(published)}; nothing waits, nothing is dead"


@dataclass(frozen=True, slots=True)
class Step:
    """One step; `act` returns the result to show."""

    title: str
    act: Callable[[ApiClient], Awaitable[str]]
    needs_inspector: bool | None = None
    """True: only with an inspector. False: only without one. None: always."""


STEPS = (
    Step("the service is up", is_up),
    Step("register", register),
    Step("register the same address again", register_again),
    Step("the event is consumed exactly once", event, needs_inspector=True),
    Step("the event is delivered a second time", event_again, needs_inspector=True),
    Step("log in", log_in),
    Step("read me, a cache miss", read_miss, needs_inspector=True),
    Step("read me, a cache hit", read_hit, needs_inspector=True),
    Step("read me", read, needs_inspector=False),
    Step("refresh", refresh),
    Step("replay an old refresh token", replay),
    Step("change the password", change_password),
    Step("log out", log_out),
    Step("every event arrived", all_events, needs_inspector=True),
)


async def run_steps(api: ApiClient, console: Console) -> None:
    """Run all steps that the inspector allows; the first that fails ends the test."""
    for step in STEPS:
        if step.needs_inspector in {None, api.inspector is not None}:
            with console.step(step.title) as running:
                running.saw = await step.act(api)
