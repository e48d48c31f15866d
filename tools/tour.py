"""A walk through a running service, as a client would go: every step holds, or says why not.

It needs a base URL. What HTTP cannot show (that a read came from the cache, that the worker did
its part) it asks of a witness; without one, those steps are left out.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from tools.console import Console
from tools.visitor import USER_FIELDS, Visitor, fields_of, insist
from tools.witness import eventually

_FIRST, _SECOND = "violet-kettle-93-harbour", "marble-lantern-27-orchard"


async def is_up(visitor: Visitor) -> str:
    """Look at what an operator and a newcomer open first."""
    await visitor.call("GET", "/health/live", 200)
    await visitor.call("GET", "/health/ready", 200)
    page = await visitor.call("GET", "/docs", 200)
    insist("openapi" in page.text.lower(), "GET /docs shows no API")
    return "/health/ready and /docs answer"


async def register(visitor: Visitor) -> str:
    """Open an account."""
    path = "/api/v1/auth/register"
    answer = await visitor.call("POST", path, 201, email=visitor.email, password=_FIRST)
    user = fields_of(answer, USER_FIELDS)
    visitor.user_id = str(UUID(user["id"]))
    insist(user["email"] == visitor.email and user["is_active"], f"the user is not as sent: {user}")
    return f"201, {visitor.email}"


async def register_again(visitor: Visitor) -> str:
    """Try to open the same account once more, spelled differently."""
    path = "/api/v1/auth/register"
    await visitor.call("POST", path, 409, email=visitor.email.upper(), password=_FIRST)
    return "409, in capitals too"


async def event(visitor: Visitor) -> str:
    """Follow the event: outbox, RabbitMQ, worker, notification."""
    witness = visitor.require_witness()
    event_id = await witness.welcome(visitor.user_id)
    await insist_once(visitor)
    return f"event {event_id[:8]}: one notification, one inbox row, outbox empty"


async def event_again(visitor: Visitor) -> str:
    """Let RabbitMQ deliver the same event a second time, as it may."""
    witness = visitor.require_witness()
    await witness.deliver_again(visitor.user_id)
    await insist_once(visitor)
    return "handled twice, still one notification"


async def insist_once(visitor: Visitor) -> None:
    """Compare the effects of the event with exactly once."""
    notifications, inbox, waiting = await visitor.require_witness().effects(visitor.user_id)
    text = f"{notifications} notifications, {inbox} inbox rows, {waiting} in the outbox"
    insist((notifications, inbox, waiting) == (1, 1, 0), f"not exactly once: {text}")


async def log_in(visitor: Visitor) -> str:
    """Log in; a wrong password and an unknown address must look the same."""
    path = "/api/v1/auth/login"
    wrong = await visitor.call("POST", path, 401, email=visitor.email, password=_SECOND)
    nobody = await visitor.call("POST", path, 401, email="x" + visitor.email, password=_SECOND)
    same = all(wrong.json()[key] == nobody.json()[key] for key in ("type", "title", "detail"))
    insist(same, f"the answers tell who has an account: {wrong.text} {nobody.text}")
    visitor.tokens = await visitor.log_in(_FIRST)
    return f"tokens for {visitor.tokens['expires_in']} s; wrong password 401"


async def read(visitor: Visitor) -> str:
    """Read the user, as a client without a witness can."""
    user = fields_of(await visitor.read_me(200, visitor.tokens), USER_FIELDS)
    insist(user["id"] == visitor.user_id, f"that is somebody else: {user}")
    await visitor.call("GET", "/api/v1/users/me", 401)
    return "200; without a token 401"


async def read_miss(visitor: Visitor) -> str:
    """Read while the cache is empty, and see it filled."""
    witness = visitor.require_witness()
    insist(
        not await witness.is_cached(visitor.user_id), "the user is in Redis before the first read"
    )
    await read(visitor)
    await eventually(  # the answer does not wait for the fill
        lambda: witness.is_cached(visitor.user_id), "the first read left nothing in Redis"
    )
    return "not in Redis before, in Redis after"


async def read_hit(visitor: Visitor) -> str:
    """Read while nobody can read the tables: only the cache can answer."""
    async with visitor.require_witness().locked_tables():
        await read(visitor)
    return "answered while the tables were locked"


async def refresh(visitor: Visitor) -> str:
    """Refresh twice; the previous token, sent again at once, gets the same successor."""
    first = visitor.tokens["refresh_token"]
    second = await visitor.refresh(first)
    repeated = await visitor.refresh(first)
    same = repeated["refresh_token"] == second["refresh_token"]
    insist(same, "a repeated refresh did not get the same token again")
    third = await visitor.refresh(second["refresh_token"])
    insist(third["refresh_token"] != second["refresh_token"], "the refresh token did not change")
    await visitor.read_me(200, third)
    visitor.tokens = {**third, "stolen": first}
    return "a new pair each time; a lost answer can be asked for again"


async def replay(visitor: Visitor) -> str:
    """Replay the token of an older generation: a thief's, or a victim's."""
    path = "/api/v1/auth/refresh"
    await visitor.call("POST", path, 401, refresh_token=visitor.tokens["stolen"])
    await visitor.read_me(401, visitor.tokens)
    await visitor.call("POST", path, 401, refresh_token=visitor.tokens["refresh_token"])
    return "401, and the whole session ended at once"


async def change_password(visitor: Visitor) -> str:
    """Change the password in one of two sessions."""
    here, elsewhere = await visitor.log_in(_FIRST), await visitor.log_in(_FIRST)
    await visitor.read_me(200, elsewhere)
    await visitor.call(
        "PUT",
        "/api/v1/users/me/password",
        204,
        token=here["access_token"],
        current_password=_FIRST,
        new_password=_SECOND,
    )
    await visitor.read_me(401, elsewhere)
    await visitor.read_me(200, here)
    await visitor.call("POST", "/api/v1/auth/login", 401, email=visitor.email, password=_FIRST)
    await visitor.log_in(_SECOND)
    visitor.tokens = here
    return "204; the other session ended, this one goes on"


async def log_out(visitor: Visitor) -> str:
    """End the session."""
    token = visitor.tokens["access_token"]
    await visitor.call("POST", "/api/v1/auth/logout", 204, token=token)
    await visitor.read_me(401, visitor.tokens)
    path = "/api/v1/auth/refresh"
    await visitor.call("POST", path, 401, refresh_token=visitor.tokens["refresh_token"])
    return "204; its tokens are refused from now on"


async def all_events(visitor: Visitor) -> str:
    """See that every event of this walk left the outbox, and that none is among the dead."""
    published = await visitor.require_witness().settled()
    return f"published: {', '.join(published)}; nothing waits, nothing is dead"


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the tour; `act` returns what it saw."""

    title: str
    act: Callable[[Visitor], Awaitable[str]]
    witness: bool | None = None
    """Whether it is for a walk with a witness, for one without, or for both."""


STEPS = (
    Step("the service is up", is_up),
    Step("register", register),
    Step("register the same address again", register_again),
    Step("the event is consumed exactly once", event, witness=True),
    Step("the event is delivered a second time", event_again, witness=True),
    Step("log in", log_in),
    Step("read me, a cache miss", read_miss, witness=True),
    Step("read me, a cache hit", read_hit, witness=True),
    Step("read me", read, witness=False),
    Step("refresh", refresh),
    Step("replay an old refresh token", replay),
    Step("change the password", change_password),
    Step("log out", log_out),
    Step("every event arrived", all_events, witness=True),
)


async def walk(visitor: Visitor, console: Console) -> None:
    """Go through every step that can be seen; the first that does not hold ends it."""
    for step in STEPS:
        if step.witness in {None, visitor.witness is not None}:
            with console.step(step.title) as running:
                running.saw = await step.act(visitor)
