"""Addresses of servers: parsed from a URL, passed on as the service's settings."""

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote, unquote, urlsplit

from tools.common.errors import ToolError

Kind = Literal["rabbitmq", "postgres", "redis"]

LOOPBACK = "127.0.0.1"

# The slowest to start comes first: the others start while it does.
KINDS: tuple[Kind, ...] = ("rabbitmq", "postgres", "redis")
TITLES: dict[Kind, str] = {"rabbitmq": "RabbitMQ", "postgres": "PostgreSQL", "redis": "Redis"}

_SCHEMES: dict[Kind, tuple[str, ...]] = {
    "postgres": ("postgresql", "postgres"),
    "redis": ("redis",),
    "rabbitmq": ("amqp",),
}
_PORTS: dict[Kind, int] = {"postgres": 5432, "redis": 6379, "rabbitmq": 5672}
_USERS: dict[Kind, str] = {"postgres": "postgres", "redis": "", "rabbitmq": "guest"}
_NAMES: dict[Kind, str] = {"postgres": "postgres", "redis": "", "rabbitmq": "/"}
_SETTINGS: dict[Kind, tuple[str, ...]] = {
    "postgres": ("HOST", "PORT", "USER", "PASSWORD", "DB"),
    "redis": ("HOST", "PORT", "PASSWORD"),
    "rabbitmq": ("HOST", "PORT", "USER", "PASSWORD", "VHOST"),
}


@dataclass(frozen=True, slots=True)
class Address:
    """How to connect to one server; `name` is the database or the virtual host."""

    kind: Kind
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    name: str

    def environment(self) -> dict[str, str]:
        """Return the address under the names of the service's settings."""
        values = {
            "HOST": self.host,
            "PORT": str(self.port),
            "USER": self.user,
            "PASSWORD": self.password,
            "DB": self.name,
            "VHOST": self.name,
        }
        return {f"{self.kind.upper()}_{key}": values[key] for key in _SETTINGS[self.kind]}

    @property
    def url(self) -> str:
        """The URL that `from_url` parses into this address."""
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        return f"{_SCHEMES[self.kind][0]}://{login}@{self}/{quote(self.name, safe='')}"

    def __str__(self) -> str:
        """Return host and port, without the password."""
        return f"{self.host}:{self.port}"


def from_url(kind: Kind, url: str) -> Address:
    """Parse a URL. A part that the service's settings cannot express is an error, not dropped."""
    variable = f"{kind.upper()}_URL"
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[kind]
    except ValueError as error:
        message = f"{variable} is not a URL: {error}."
        raise ToolError(message) from None
    name = unquote(parts.path.removeprefix("/"))
    if parts.scheme not in _SCHEMES[kind] or not parts.hostname or parts.query:
        scheme = _SCHEMES[kind][0]
        message = f"{variable} must look like {scheme}://user:password@host:port/name."
        raise ToolError(message)
    if kind == "redis" and (parts.username or name not in {"", "0"}):
        message = f"{variable} must name Redis's default user and database 0."
        raise ToolError(message)
    return Address(
        kind=kind,
        host=parts.hostname,
        port=port,
        user=unquote(parts.username or _USERS[kind]),
        password=unquote(parts.password or ""),
        name=_NAMES[kind] if kind == "redis" else name or _NAMES[kind],
    )
