"""Users, sessions, tokens and events in any number, copied from one that the service made itself.

The rows of one registration and one login are copied by SQL, so that nothing here depends on how
a version of the service makes them.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2

from bench.load import PASSWORD
from bench.server import App, Server, serving
from bench.side import Side
from tools.servers.clients import redis_client

EMAIL = "first@example.com"
LIFE_SECONDS = 12 * 3600
KEYS_AT_ONCE = 1000

# A row as it is, but for the columns named.
USERS = """
INSERT INTO users SELECT made.* FROM users AS original, generate_series(1, {}) AS n,
jsonb_populate_record(original, jsonb_build_object(
  'id', gen_random_uuid(), 'email', 'user-' || n || '@example.com',
  'email_key', 'user-' || n || '@example.com')) AS made
WHERE original.email = 'first@example.com'
"""
SESSIONS = """
INSERT INTO sessions SELECT made.* FROM sessions AS original, users AS u,
jsonb_populate_record(original, jsonb_build_object(
  'id', gen_random_uuid(), 'user_id', u.id)) AS made
WHERE original.id = (SELECT id FROM sessions LIMIT 1) AND u.email <> 'first@example.com'
"""
EVENTS = """
INSERT INTO outbox_messages (event_id, event_type, envelope)
SELECT id, '{type}', '{envelope}'::jsonb || jsonb_build_object('id', id)
FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, {count})) AS made
"""
PAIRS = """
SELECT json_agg(pair)::text AS pairs
FROM (SELECT user_id, id FROM sessions ORDER BY id LIMIT {}) AS pair
"""


@dataclass(frozen=True)
class Accounts:
    """What one registration and one login of a side left behind."""

    side: Side
    user: dict[str, Any]
    header: dict[str, Any]
    claims: dict[str, Any]
    event_type: str
    envelope: dict[str, Any]

    @classmethod
    def first(cls, side: Side) -> "Accounts":
        """Register and log in."""
        fields = {"email": EMAIL, "password": PASSWORD}
        with serving(App(side)) as [server], _client(server) as client:
            client.post("/auth/register", json=fields).raise_for_status()
            token = (
                client.post("/auth/login", json=fields).raise_for_status().json()["access_token"]
            )
            bearer = {"Authorization": f"Bearer {token}"}
            user = client.get("/users/me", headers=bearer).raise_for_status().json()
        header, claims, _ = token.split(".")
        event = side.row("SELECT event_type, envelope::text FROM outbox_messages")
        return cls(
            side, user, _decode(header), _decode(claims), event["event_type"],
            json.loads(event["envelope"]),
        )  # fmt: skip

    def fill(self, users: int, side: Side | None = None) -> None:
        """Add users with a session each, `user-1@example.com` and so on."""
        (side or self.side).sql(USERS.format(users), SESSIONS, "ANALYZE")

    def fill_outbox(self, events: int, side: Side | None = None) -> None:
        """Add events to the outbox."""
        (side or self.side).sql(
            "TRUNCATE outbox_messages",
            EVENTS.format(type=self.event_type, envelope=json.dumps(self.envelope), count=events),
            "ANALYZE outbox_messages",
        )

    def tokens(self, count: int) -> list[str]:
        """Return access tokens of that many sessions; they outlive a measurement."""
        key = self.side.settings["SECURITY_SECRET_KEY"].encode()
        return [self._sign(key, user, session) for user, session in self._pairs(count)]

    def _sign(self, key: bytes, user: str, session: str) -> str:
        claims = {**self.claims, "sub": user, "sid": session, "jti": session}
        text = (
            f"{_encode(self.header)}.{_encode({**claims, 'exp': int(time.time()) + LIFE_SECONDS})}"
        )
        return f"{text}.{_base64(hmac.digest(key, text.encode(), hashlib.sha256))}"

    def _pairs(self, count: int) -> Iterator[tuple[str, str]]:
        for pair in json.loads(self.side.row(PAIRS.format(count))["pairs"]):
            yield pair["user_id"], pair["id"]

    def refresh_tokens(self, server: Server, count: int) -> deque[str]:
        """Log some users in and return their refresh tokens."""
        numbers = range(1, count + 1)
        bodies = [{"email": f"user-{n}@example.com", "password": PASSWORD} for n in numbers]
        with _client(server) as client:
            answers = [client.post("/auth/login", json=body) for body in bodies]
        return deque(answer.raise_for_status().json()["refresh_token"] for answer in answers)

    def fill_reference(self, count: int) -> None:
        """Store for REF what it answers to the first of the tokens."""
        name = self.side.settings["APP_NAME"]
        users = [user for user, _ in self._pairs(count)]

        async def run() -> None:
            async with redis_client(self.side.settings) as client:
                for user in users:
                    await client.set(f"ref:{name}:{user}", json.dumps({**self.user, "id": user}))

        asyncio.run(run())

    def empty_cache(self) -> None:
        """Delete every key that the service has written."""
        name = self.side.settings["APP_NAME"]

        async def run() -> None:
            async with redis_client(self.side.settings) as client:
                keys = [key async for key in client.scan_iter(f"{name}:*", count=KEYS_AT_ONCE)]
                for at in range(0, len(keys), KEYS_AT_ONCE):
                    await client.delete(*keys[at : at + KEYS_AT_ONCE])

        asyncio.run(run())


def _client(server: Server) -> httpx2.Client:
    return httpx2.Client(base_url=f"{server.url}/api/v1", timeout=30, trust_env=False)


def _decode(part: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=="))
    return found


def _encode(part: dict[str, Any]) -> str:
    return _base64(json.dumps(part).encode())


def _base64(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()
