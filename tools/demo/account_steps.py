"""The steps of the smoke test that need HTTP only. Each returns the result to show."""

from uuid import UUID

from tools.demo.api_client import USER_FIELDS, ApiClient, fields_of, require

_FIRST = "violet-kettle-93-harbour"
_SECOND = "marble-lantern-27-orchard"


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
    here = await api.log_in(_FIRST)
    elsewhere = await api.log_in(_FIRST)
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
