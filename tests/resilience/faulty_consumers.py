"""Consumers that misbehave, added to a rendered service the way its owner adds one."""

from pathlib import Path

EVENTS = ("raises", "hangs", "kills", "slow")

MODEL = '''"""Events made for tests."""

from pydantic import BaseModel


class TestV1(BaseModel):
    """They carry nothing."""
'''
USE_CASE = '''"""Handling that goes wrong."""

import asyncio
import os
import signal
from dataclasses import dataclass
from uuid import UUID

import structlog

log = structlog.get_logger()


@dataclass(frozen=True)
class Misbehave:
    """Says that it was tried, then does what its subclass is named for."""

    async def execute(self, *, message_id: UUID) -> None:
        log.info("tried", poison=type(self).__name__)
        await self.act()
        log.info("finished", poison=type(self).__name__)


class Raises(Misbehave):
    async def act(self) -> None:
        raise ValueError("on purpose")


class Hangs(Misbehave):
    async def act(self) -> None:
        await asyncio.sleep(3600)


class Kills(Misbehave):
    async def act(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class Slow(Misbehave):
    async def act(self) -> None:
        await asyncio.sleep(0.5)
'''


def event_type(name: str) -> str:
    """Give the type of the event whose handler is called that."""
    return f"test.{name}.v1"


def add_consumers(service: Path) -> None:
    """Write a model and use cases; name them where the service lists its own."""
    (service / "src/consumers/poison.py").write_text(MODEL)
    (service / "src/usecases/poison.py").write_text(USE_CASE)
    classes = [name.capitalize() for name in EVENTS]
    imported = f"from src.usecases.poison import {', '.join(classes)}\n"
    lines = "".join(
        f'    "{event_type(name)}": (TestV1, {name.capitalize()}),\n' for name in EVENTS
    )
    replace(
        service / "src/consumers/subscriptions.py",
        (
            "from src.usecases",
            f"from src.consumers.poison import TestV1\n{imported}from src.usecases",
        ),
        ("(UserRegisteredV1, WelcomeUser),\n", f"(UserRegisteredV1, WelcomeUser),\n{lines}"),
    )
    replace(
        service / "src/usecases/__init__.py",
        ("\nUSE_CASES", f"{imported}\nUSE_CASES"),
        ("    WelcomeUser,\n)", f"    WelcomeUser,\n    {', '.join(classes)},\n)"),
    )


def replace(path: Path, *pairs: tuple[str, str]) -> None:
    """Replace texts that occur exactly once; a source that has moved on is an error."""
    text = path.read_text()
    for old, new in pairs:
        assert text.count(old) == 1, f"{path} has {text.count(old)} times: {old}"
        text = text.replace(old, new)
    path.write_text(text)
