"""The template's Jinja filters."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def escaped(value: str) -> str:
    """Escape text for a double-quoted string in TOML, YAML, JSON or Python."""
    return json.dumps(value, ensure_ascii=False)[1:-1]


def markdown(value: str) -> str:
    """Escape text for Markdown, so that a reader sees it as it was entered."""
    text = re.sub(r"([\\`*_\[\]<>&|~$#])", r"\\\1", value)
    return re.sub(r"^(\d+)([.)])|^([-+=])", r"\1\\\2\3", text)


def spdx(name: str) -> str:
    """Return the SPDX expression of a licence of the template."""
    return "LicenseRef-Proprietary" if name == "Proprietary" else name


def servers(answers: Mapping[str, object]) -> str:
    """List the servers that the service needs, as part of a sentence."""
    names = ["PostgreSQL"]
    names += ["Redis"] if answers["use_redis"] else []
    names += ["RabbitMQ"] if answers["use_rabbitmq"] else []
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
