"""The rules for the short name: it becomes the name of folders, queues and containers."""

from __future__ import annotations

import re
from functools import partial

from slugify import slugify

SLUG_LIMIT = 40  # queue, container and host names contain the slug; a host name has 63 at most
SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

DEVICES = {"con", "prn", "aux", "nul", *(f"{d}{n}" for d in ("com", "lpt") for n in range(1, 10))}
SERVER_NAMES = set("amq guest none pgbouncer postgres public template0 template1".split())  # noqa: SIM905
SERVER_PREFIX = "pg-"  # the user of PostgreSQL would begin with pg_, which no role may
FOLDERS = {"build", "dist", "docs", "env", "migrations", "scripts", "src", "test", "tests", "venv"}
# All packages that the service and its tools install, directly or indirectly. If the project has
# the name of one of them, uv takes the project for that package and cannot resolve the
# dependencies.
PACKAGES = set(
    """
    aio-pika aiormq alembic annotated-doc annotated-types anyio argon2-cffi argon2-cffi-bindings
    ast-serialize async-timeout asyncpg asyncpg-stubs attrs bcrypt boolean-py cachecontrol certifi
    cffi cfgv charset-normalizer click colorama coverage cryptography cyclonedx-python-lib
    defusedxml deprecated deptry distlib dnspython docker email-validator exceptiongroup execnet
    fastapi fastapi-standalone-docs filelock greenlet grimp h11 hiredis httpcore httpcore2 httptools
    httpx httpx2 httpx2-jsfetch hypothesis identify idna import-linter iniconfig librt
    license-expression limits mako markdown-it-py markupsafe mdurl msgpack multidict mypy
    mypy-extensions nodeenv opentelemetry-api orjson packageurl-python packaging pamqp pathspec pip
    pip-api pip-audit pip-requirements-parser platformdirs pluggy pre-commit propcache punq
    py-serializable pycparser pydantic pydantic-core pydantic-settings pygments pyjwt pyparsing
    pytest pytest-asyncio pytest-cov pytest-randomly pytest-timeout pytest-xdist python-discovery
    python-dotenv pywin32 pyyaml redis requests requirements-parser rich ruff setuptools sniffio
    sortedcontainers sqlalchemy squawk-cli starlette structlog testcontainers tomli tomli-w trustme
    truststore types-pyyaml types-zxcvbn typing-extensions typing-inspection urllib3 uv uvicorn
    uvloop virtualenv vulture watchfiles websockets wheel wrapt yarl zxcvbn
    """.split()  # noqa: SIM905 -- ruff would format a list as one name a line
)
RESERVED = {
    "a device name on Windows": DEVICES,
    "a name that PostgreSQL or RabbitMQ reserves": SERVER_NAMES,
    "the name of a common project folder": FOLDERS,
    "a package that the service installs": PACKAGES,
}


def reserved_as(slug: str) -> str | None:
    """Return the reason why a slug is reserved, or None if it is free."""
    if slug.startswith(SERVER_PREFIX):
        return "a name that PostgreSQL reserves"
    return next((reason for reason, names in RESERVED.items() if slug in names), None)


def default_slug(name: object) -> str:
    """Derive a valid slug from a name in any script."""
    cut = partial(slugify, max_length=SLUG_LIMIT, word_boundary=True, save_order=True)
    slug = cut(name if isinstance(name, str) else "") or "my-service"
    if not slug[0].isalpha() or slug.startswith(SERVER_PREFIX):
        slug = cut(f"service-{slug}")
    return f"{slug}-service" if reserved_as(slug) else slug


def slug_problem(value: object) -> str | None:
    """Check the short name, which is part of the names of folders, queues and containers."""
    if not isinstance(value, str) or not SLUG.fullmatch(value) or len(value) > SLUG_LIMIT:
        return (
            f"must be at most {SLUG_LIMIT} lower-case letters, digits and single hyphens, "
            f"with a letter first: try '{default_slug(value)}'."
        )
    reason = reserved_as(value)
    return reason and f"must not be '{value}', {reason}: try '{default_slug(value)}'."
