"""Users with a session and an access token each: `python -m bench.drivers.seed USERS`.

The tokens are the service's own but for their life, which is longer than a measurement. What REF
answers is put where REF looks for it.
"""

# mypy: disable-error-code="import-not-found"
import asyncio
import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
from redis.asyncio import Redis
from sqlalchemy import insert
from src.api.schemas import UserResponse
from src.config import Settings, load_settings
from src.domain.session import Session
from src.domain.user import User
from src.repositories.db.engine import Database
from src.repositories.db.models import SessionRow, UserRow
from src.repositories.db.sessions import SESSION_COLUMNS
from src.repositories.db.users import USER_COLUMNS
from src.usecases.ports.security import Tokens

from bench.drivers.service import open_service, tell

LIFE = timedelta(hours=6)
BATCH = 1000


def token(settings: Settings, issued: str) -> str:
    """Sign a token again that lives longer."""
    secret = settings.security.secret_key.get_secret_value()
    claims = jwt.decode(issued, options={"verify_signature": False})
    header = {"typ": jwt.get_unverified_header(issued)["typ"]}
    claims["exp"] = datetime.now(UTC) + LIFE
    return str(jwt.encode(claims, secret, "HS256", headers=header))


async def save(database: Database, made: list[tuple[User, Session]]) -> None:
    """Save a batch of them."""
    transaction = database.transaction()
    for table, columns, rows in (
        (UserRow, USER_COLUMNS, [user for user, _ in made]),
        (SessionRow, SESSION_COLUMNS, [session for _, session in made]),
    ):
        values: list[dict[str, Any]] = [{c: getattr(row, c) for c in columns} for row in rows]
        await transaction.execute(insert(table), values)
    await transaction.commit()
    await transaction.aclose()


async def main(count: int) -> None:
    """Make them and tell their tokens."""
    settings = load_settings()
    found = []
    redis = Redis(  # more patient than the service's own
        host=settings.redis.host,
        port=settings.redis.port,
        password=settings.redis.password.get_secret_value() or None,
    )
    async with open_service() as container:
        tokens = container.resolve(Tokens)
        for _ in range(0, count, BATCH):
            now = datetime.now(UTC)
            new = [
                User.register(f"{uuid4().hex}@example.com", "no hash", now) for _ in range(BATCH)
            ]
            made = [(user, Session.start(user.id, tokens.lifetime, now)) for user in new]
            await save(container.resolve(Database), made)
            for user, session in made:
                answer = UserResponse.model_validate(user, from_attributes=True).model_dump_json()
                await redis.set(f"{settings.app.name}:ref:{user.id}", answer)
                found.append(token(settings, tokens.issue(session, now).access_token))
    await redis.aclose()
    tell({"tokens": found})


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
