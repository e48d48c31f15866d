"""Types of settings: what the servers and the libraries take. Each refuses what fails later."""

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from src.utils.setting_types import SplitCommas

CENTURY = 100 * 365 * 24 * 3600
"""The longest time in seconds that a setting may have: later dates have no year."""
NO_HOST = "must be the name or the address of a server, without scheme, port, user and blanks"


def must_match(pattern: str, expected: str) -> AfterValidator:
    """Return a validator: the whole text matches, or the message says what is expected."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"must be {expected}")
        return text

    return AfterValidator(check)


def at_most(size: int) -> AfterValidator:
    """Return a validator: a text has at most this many bytes in UTF-8."""

    def check(text: str) -> str:
        if len(text.encode()) > size:
            raise ValueError(f"must not be longer than {size} bytes")
        return text

    return AfterValidator(check)


def check_host(host: str) -> str:
    """Refuse what cannot be the name or the address of a server."""
    try:
        if ":" in host:
            ip_address(host)
        host.encode("idna")
    except ValueError:
        raise ValueError(NO_HOST) from None
    if re.search(r"[\s@?#]", host):
        raise ValueError(NO_HOST)
    return host


def check_file(path: Path) -> Path:
    """Refuse a path at which no file can be written."""
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError("must be a file in a folder that exists")
    return path


Port = Annotated[int, Field(ge=1, le=65535)]
Host = Annotated[str, AfterValidator(check_host)]
Seconds = Annotated[int, Field(ge=1, le=CENTURY)]
Duration = Annotated[float, Field(ge=0.001, le=CENTURY)]
Name = Annotated[
    str,
    must_match(
        r"[A-Za-z0-9][A-Za-z0-9._-]{,62}",
        "at most 63 letters, digits, dots, dashes and underscores, with a letter or digit first",
    ),
]
Identifier = Annotated[str, at_most(63)]  # Postgres cuts longer ones off
WritableFile = Annotated[Path, AfterValidator(check_file)]
PathPrefix = Annotated[
    str, must_match(r"((/[A-Za-z0-9._~-]+)+)?", "a path such as /users-api, without a / at its end")
]
Origin = Annotated[
    str, must_match(r"\*|[a-z][a-z0-9+.-]*://[a-z0-9.:[\]_-]+", "like https://a.example, or *")
]
Origins = Annotated[tuple[Origin, ...], SplitCommas]
Delays = Annotated[tuple[Seconds, ...], SplitCommas, Field(min_length=1)]
