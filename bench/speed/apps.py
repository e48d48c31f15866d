"""What the service is compared with, on the same servers: `uvicorn bench.speed.apps:app`.

The least that does the same: no request id, no log line, no end of a session, nothing stale-proof.
"""

# mypy: disable-error-code="import-not-found, untyped-decorator"
import gc
from uuid import UUID

import jwt
from fastapi import FastAPI, Request, Response
from redis.asyncio import Redis
from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from src.api.schemas import UserResponse
from src.config import load_settings
from src.repositories.db.models import UserRow

from bench.speed import PYTHONS_THRESHOLD

gc.set_threshold(*PYTHONS_THRESHOLD)  # bare FastAPI knows nothing better
settings = load_settings()
name, secret = settings.app.name, settings.security.secret_key.get_secret_value()
redis = Redis(
    host=settings.redis.host,
    port=settings.redis.port,
    password=settings.redis.password.get_secret_value() or None,
    max_connections=1000,  # the default refuses those beyond 100
)
engine = create_async_engine(settings.postgres.url, pool_size=settings.postgres.pool_size)
open_session = async_sessionmaker(engine, expire_on_commit=False)
USER = select(UserRow).where(UserRow.id == bindparam("id"))
app = FastAPI()


@app.get("/health/live")
async def live() -> Response:
    """Tell that it has started."""
    return Response()


def subject(request: Request) -> str:
    """Verify the token and tell whom it speaks for."""
    token = request.headers["authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, secret, algorithms=["HS256"], audience=name, issuer=name)
    return str(claims["sub"])


@app.get("/ref/me")
async def me(request: Request) -> Response:
    """REF: verify the token, one GET, and what it gives is the answer."""
    user = await redis.get(f"{name}:ref:{subject(request)}")
    return Response(user, media_type="application/json")


@app.get("/orm/me", response_model=UserResponse)
async def me_orm(request: Request) -> UserRow | None:
    """Verify the token and read the user with a statement that is made once."""
    async with open_session() as session:
        user: UserRow | None = await session.scalar(USER, {"id": UUID(subject(request))})
        return user
