"""Faulty consumers, added to a rendered service the way its owner adds a consumer."""

from pathlib import Path

from tools.common.files import replace_once

EVENTS = ("raises", "hangs", "kills", "slow")

MODEL = '''"""Events made for tests."""

from pydantic import BaseModel


class TestV1(BaseModel):
    """An event without data."""
'''
USE_CASE = '''"""Use cases with faults."""

import asyncio
import os
import signal
from dataclasses import dataclass
from uuid import UUID

import structlog

log = structlog.get_logger()


@dataclass(frozen=True)
class Faulty:
    """Logs that it was tried, then has the fault that its subclass is named for."""

    async def execute(self, *, message_id: UUID) -> None:
        log.info("tried", fault=type(self).__name__)
        await self.act()
        log.info("finished", fault=type(self).__name__)


class Raises(Faulty):
    async def act(self) -> None:
        raise ValueError("on purpose")


class Hangs(Faulty):
    async def act(self) -> None:
        await asyncio.sleep(3600)


class Kills(Faulty):
    async def act(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class Slow(Faulty):
    async def act(self) -> None:
        await asyncio.sleep(0.5)
'''


def event_type(name: str) -> str:
    """Return the type of the events that this handler gets."""
    return f"test.{name}.v1"


def add_consumers(service: Path) -> None:
    """Write a model and use cases, and add them to the service's lists."""
    (service / "src/consumers/faulty.py").write_text(MODEL)
    (service / "src/usecases/faulty.py").write_text(USE_CASE)
    classes = [name.capitalize() for name in EVENTS]
    imported = f"from src.usecases.faulty import {', '.join(classes)}\n"
    lines = "".join(
        f'    "{event_type(name)}": (TestV1, {name.capitalize()}),\n' for name in EVENTS
    )
    replace_once(
        service / "src/consumers/subscriptions.py",
        (
            "from src.usecases",
            f"from src.consumers.faulty import TestV1\n{imported}from src.usecases",
        ),
        ("(UserRegisteredV1, WelcomeUser),\n", f"(UserRegisteredV1, WelcomeUser),\n{lines}"),
    )
    replace_once(
        service / "src/usecases/__init__.py",
        ("\nUSE_CASES", f"{imported}\nUSE_CASES"),
        ("    WelcomeUser,\n)", f"    WelcomeUser,\n    {', '.join(classes)},\n)"),
    )
