"""Typical slips are type errors. mypy checks each slip, and the correct form beside it."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from src.utils.settings import ROOT


class Slip(NamedTuple):
    """A line that is wrong, the correct line, and the code before both."""

    before: str
    wrong: str
    correct: str


EVENT = """
from dataclasses import dataclass
from uuid import UUID
from src.domain.aggregate import Aggregate
from src.domain.event import Event

@dataclass(frozen=True, kw_only=True)
"""
RECORD = f"""{EVENT}
class Snipped(Event, name="machinery.snipped.v1"):
    snippet_id: UUID

def snip(aggregate: Aggregate) -> None:
"""
CONSUMER = """
from uuid import UUID
from pydantic import BaseModel
from src.consumers.subscription import Subscription, UseCaseSubscription
from src.usecases.ports.unit_of_work import UnitOfWork

class FirstV1(BaseModel):
    first_id: UUID

class SecondV1(BaseModel):
    second_id: UUID

async def consume_first(event: FirstV1, uow: UnitOfWork) -> None: ...

class HandleFirst:
    async def execute(self, *, event_id: UUID, event: FirstV1) -> None: ...

"""
SAVE = """
from sqlalchemy import insert, select
from src.domain.aggregate import Aggregate
from src.repositories.outbox.tables import ProcessedMessageRow as Row
from src.repositories.outbox.writer import OutboxWriter
from src.repositories.postgres.transaction import Transaction

async def save(transaction: Transaction, outbox: OutboxWriter, aggregate: Aggregate) -> None:
"""
SETTING = """
from src.config import PostgresSettings
from src.utils.settings import Settings

def print_size(settings: Settings) -> None:
"""
ADAPTER = """
from uuid import UUID
from src.usecases.ports.messaging import Inbox

class SnippedInbox(Inbox):
"""
SLIPS = {
    "a misspelt fact of an event": Slip(
        RECORD,
        wrong="    aggregate.record(Snipped(snipet_id=aggregate.id))",
        correct="    aggregate.record(Snipped(snippet_id=aggregate.id))",
    ),
    "a fact of the wrong type": Slip(
        RECORD,
        wrong="    aggregate.record(Snipped(snippet_id=str(aggregate.id)))",
        correct="    aggregate.record(Snipped(snippet_id=aggregate.id))",
    ),
    "an event without a name": Slip(
        EVENT,
        wrong="class Snipped(Event): ...",
        correct='class Snipped(Event, name="machinery.snipped.v1"): ...',
    ),
    "a consumer of another event": Slip(
        CONSUMER,
        wrong='subscription = Subscription("machinery.second.v1", SecondV1, consume_first)',
        correct='subscription = Subscription("machinery.first.v1", FirstV1, consume_first)',
    ),
    "a use case of another event": Slip(
        CONSUMER,
        wrong='subscription = UseCaseSubscription("machinery.second.v1", SecondV1, HandleFirst)',
        correct='subscription = UseCaseSubscription("machinery.first.v1", FirstV1, HandleFirst)',
    ),
    "a row saved past the outbox with fetch": Slip(
        SAVE,
        wrong="    await transaction.fetch(insert(Row), {})",
        correct="    await transaction.fetch(select(Row), {})",
    ),
    "a row saved past the outbox with execute": Slip(
        SAVE,
        wrong="    await transaction.execute(insert(Row), {})",
        correct="    await outbox.save(insert(Row), {}, aggregate)",
    ),
    "a row saved without its aggregate": Slip(
        SAVE,
        wrong="    await outbox.save(insert(Row), {})",
        correct="    await outbox.save(insert(Row), {}, aggregate)",
    ),
    "a renamed setting": Slip(
        SETTING,
        wrong="    print(settings[PostgresSettings].connections)",
        correct="    print(settings[PostgresSettings].pool_size)",
    ),
    "an adapter that lacks a method of its port": Slip(
        ADAPTER,
        wrong="    pass\nSnippedInbox()",
        correct="    async def claim(self, message_id: UUID) -> bool: return True\nSnippedInbox()",
    ),
}


@pytest.mark.timeout(600)  # mypy without a cache reads all libraries
def test_each_typical_slip_is_exactly_one_type_error(tmp_path: Path) -> None:
    files = []
    for number, slip in enumerate(SLIPS.values()):
        for form, line in (("wrong", slip.wrong), ("correct", slip.correct)):
            file = tmp_path / f"{form}_{number}.py"
            file.write_text(f"{slip.before}{line}\n", encoding="utf-8")
            files.append(str(file))

    checked = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "mypy", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    errors = Counter(re.findall(r"(\w+_\d+)\.py:\d+: error:", checked.stdout))
    expected = {f"wrong_{number}": 1 for number in range(len(SLIPS))}
    assert errors == expected, checked.stdout + checked.stderr
