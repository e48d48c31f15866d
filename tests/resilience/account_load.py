"""Clients that go through the life of an account again and again, on whichever APIs serve."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any, Self

import httpx2

from tools.common.waiting import eventually

if TYPE_CHECKING:
    from types import TracebackType

CLIENTS = 4
PASSWORD = "correct-horse-battery-staple"  # noqa: S105 -- of test accounts


class UnexpectedAnswerError(Exception):
    """An answer is not the one that a client must get."""


class AccountLoad:
    """Sends requests from a thread inside a `with` block.

    Each request goes to the next of the serving APIs, so that one account meets all of them.
    """

    def __init__(self) -> None:
        """Send nothing yet."""
        self.accounts: set[str] = set()
        self.faults: list[str] = []
        self._http = httpx2.AsyncClient(timeout=30, trust_env=False)
        self._apis: list[str] = []
        self._turns = itertools.count()
        self._open: Counter[str] = Counter()
        self._done = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self) -> Self:
        """Start the clients."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let each client finish its account."""
        self._done.set()
        self._thread.join()

    def add(self, api: str) -> None:
        """Send requests to this API as well, once it is ready."""
        ready = f"{api}/health/ready"
        eventually(f"{api} is ready", lambda: _status(ready) == httpx2.codes.OK)
        self._apis.append(api)

    def remove(self, api: str) -> None:
        """Send no more requests to this API, and wait until the open ones are answered."""
        self._apis.remove(api)
        eventually(f"{api} has no requests", lambda: self._open[api] == 0)

    def go_on(self, accounts: int) -> None:
        """Wait until the clients have finished this many more accounts."""
        enough = len(self.accounts) + accounts

        def is_enough() -> bool:
            assert not self.faults, self.faults
            return len(self.accounts) >= enough

        eventually(f"{accounts} more accounts", is_enough, within=120)

    async def _run(self) -> None:
        async with self._http:
            await asyncio.gather(*(self._client() for _ in range(CLIENTS)))

    async def _client(self) -> None:
        while not self._done.is_set() and not self.faults:
            if not self._apis:
                await asyncio.sleep(0.1)
                continue
            try:
                self.accounts.add(await self._live())
            except (UnexpectedAnswerError, httpx2.HTTPError) as error:
                self.faults.append(f"{type(error).__name__}: {error}")

    async def _live(self) -> str:
        """Live through an account, from registration to logout; return the user's id."""
        account = {"email": f"{secrets.token_hex(8)}@example.com", "password": PASSWORD}
        user = (await self._send(201, "POST", "auth/register", account))["id"]
        tokens = await self._send(200, "POST", "auth/login", account)
        await self._read(user, tokens)
        refresh = {"refresh_token": tokens["refresh_token"]}
        tokens = await self._send(200, "POST", "auth/refresh", refresh)
        await self._read(user, tokens)
        other = await self._send(200, "POST", "auth/login", account)
        await self._read(user, other)
        change = {"current_password": PASSWORD, "new_password": f"new-{PASSWORD}"}
        await self._send(204, "PUT", "users/me/password", change, tokens)
        await self._send(401, "GET", "users/me", tokens=other)
        await self._read(user, tokens)
        await self._send(204, "POST", "auth/logout", tokens=tokens)
        await self._send(401, "GET", "users/me", tokens=tokens)
        return str(user)

    async def _read(self, user: str, tokens: dict[str, Any]) -> None:
        """Read the user twice, the second time from the cache if another API has filled it."""
        for _ in range(2):
            body = await self._send(200, "GET", "users/me", tokens=tokens)
            if body["id"] != user:
                text = f"users/me shows {body['id']}, not {user}"
                raise UnexpectedAnswerError(text)

    async def _send(
        self,
        expected: int,
        method: str,
        path: str,
        body: dict[str, str] | None = None,
        tokens: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Send one request to the next API; return the JSON of the answer."""
        api = self._apis[next(self._turns) % len(self._apis)]
        headers = {"Authorization": f"Bearer {tokens['access_token']}"} if tokens else {}
        self._open[api] += 1
        try:
            answer = await self._http.request(
                method, f"{api}/api/v1/{path}", json=body, headers=headers
            )
        finally:
            self._open[api] -= 1
        if answer.status_code != expected:
            text = f"{method} {path} answered {answer.status_code} {answer.text[:300]}"
            raise UnexpectedAnswerError(text)
        found: dict[str, Any] = answer.json() if answer.content else {}
        return found


def _status(url: str) -> int:
    try:
        return httpx2.get(url, timeout=5).status_code
    except httpx2.HTTPError:
        return 0
