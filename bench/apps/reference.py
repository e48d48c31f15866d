"""REF and an ORM read, on the service's servers: `uvicorn bench.apps.reference:app`.

The least that does the same: no request id, no log line, no revoked sessions, no invalidation.
Nothing of the service is imported, so that it is the same beside every version of it.
"""

# mypy: disable-error-code="import-not-found, untyped-decorator, misc"
import os
from datetime import datetime
from uuid import UUID

import jwt
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel
from redis.asyncio import Redis
from sqlalchemy import URL, DateTime, bindparam, select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

settings = os.environ
name = settings["APP_NAME"]
secret = settings["SECURITY_SECRET_KEY"]
redis = Redis(
    host=settings["REDIS_HOST"],
    port=int(settings["REDIS_PORT"]),
    password=settings["REDIS_PASSWORD"] or None,
    max_connections=1000,  # the default refuses connections beyond 100
)
url = URL.create(
    "postgresql+asyncpg",
    settings["POSTGRES_USER"],
    settings["POSTGRES_PASSWORD"],
    settings["POSTGRES_HOST"],
    int(settings["POSTGRES_PORT"]),
    settings["POSTGRES_DB"],
)
open_session = async_sessionmaker(create_async_engine(url, pool_size=10), expire_on_commit=False)
app = FastAPI()


class Base(DeclarativeBase):
    """The base of the tables."""


class UserRow(Base):
    """A user, every column."""

    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str]
    password_hash: Mapped[str]
    is_active: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    version: Mapped[int]


class UserResponse(BaseModel):
    """The fields of a user that the service answers with."""

    id: UUID
    email: str
    is_active: bool
    created_at: datetime
    updated_at: datetime


USER = select(UserRow).where(UserRow.id == bindparam("id"))


@app.get("/health/live")
async def live() -> Response:
    """Answer once it has started."""
    return Response()


def subject(request: Request) -> str:
    """Verify the token and return the id of its user."""
    token = request.headers["authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, secret, algorithms=["HS256"], audience=name, issuer=name)
    return str(claims["sub"])


@app.get("/ref/me")
async def me(request: Request) -> Response:
    """REF: verify the token, one GET, and answer with its bytes."""
    user = await redis.get(f"ref:{name}:{subject(request)}")
    return Response(user, media_type="application/json")


@app.get("/orm/me", response_model=UserResponse)
async def me_orm(request: Request) -> UserRow | None:
    """Verify the token and read the user with a statement that was built once."""
    async with open_session() as session:
        user: UserRow | None = await session.scalar(USER, {"id": UUID(subject(request))})
        return user
