"""A client of the account routes."""

from dataclasses import dataclass

import httpx2

from tests.support.users import new_email

PASSWORD = "a passphrase for the tests"


@dataclass(frozen=True)
class Account:
    """An account, with a client of the API."""

    api: httpx2.AsyncClient
    id: str
    email: str

    async def log_in(self, password: str = PASSWORD) -> "Login":
        """Start a session."""
        response = await post(self.api, "login", email=self.email, password=password)
        assert response.status_code == 200, response.text
        tokens = response.json()
        return Login(self.api, tokens["access_token"], tokens["refresh_token"])


@dataclass(frozen=True)
class Login:
    """A session's tokens, with a client of the API."""

    api: httpx2.AsyncClient
    access_token: str
    refresh_token: str

    @property
    def headers(self) -> dict[str, str]:
        """The header that authenticates a request."""
        return {"Authorization": f"Bearer {self.access_token}"}

    async def me(self) -> httpx2.Response:
        """Read the authenticated user."""
        return await self.api.get("/api/v1/users/me", headers=self.headers)

    async def refresh(self) -> httpx2.Response:
        """Exchange the refresh token."""
        return await post(self.api, "refresh", refresh_token=self.refresh_token)

    async def log_out(self) -> httpx2.Response:
        """End the session."""
        return await self.api.post("/api/v1/auth/logout", headers=self.headers)

    async def change_password(self, current: str, new: str) -> httpx2.Response:
        """Replace the password."""
        body = {"current_password": current, "new_password": new}
        return await self.api.put("/api/v1/users/me/password", json=body, headers=self.headers)


async def post(api: httpx2.AsyncClient, route: str, **body: object) -> httpx2.Response:
    """Post a body to one of the auth routes."""
    return await api.post(f"/api/v1/auth/{route}", json=body)


async def register(api: httpx2.AsyncClient) -> Account:
    """Open an account."""
    response = await post(api, "register", email=new_email(), password=PASSWORD)
    assert response.status_code == 201, response.text
    return Account(api, response.json()["id"], response.json()["email"])
