"""The last release and a later version at once on the same servers, under load, and back.

The later version is the working tree with what a team may add in a release: a column of `users`
that the cache holds too, and a new type of event with its consumer.
"""

from __future__ import annotations

import secrets
import shutil
import signal
import tarfile
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.resilience import amqp, checker, report
from tests.resilience.account_load import AccountLoad
from tests.resilience.runner import administer
from tools.common.errors import DeadlineError
from tools.common.files import replace_once
from tools.common.processes import run_in_service
from tools.common.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.resilience.conftest import NewRunner
    from tests.resilience.runner import Runner
    from tools.common.processes import Child

pytestmark = pytest.mark.beside_others

RELEASES = ROOT / "tests/releases"
ACCOUNTS = report.size(3, 30)
REVISION = '''"""Add the greeting of a user.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("greeting", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("users", "greeting")
'''
CONSUMER = '''"""A greeting for each user that the later version registers."""

from uuid import UUID, uuid4

from pydantic import BaseModel

from src.consumers.subscription import Subscription
from src.domain.notification import Notification
from src.usecases.ports.unit_of_work import UnitOfWork


class UserGreetedV1(BaseModel):
    user_id: UUID


async def greet(event: UserGreetedV1, uow: UnitOfWork) -> None:
    greeting = Notification(id=uuid4(), user_id=event.user_id, kind="greeting", created_at=uow.now)
    await uow.notifications.create_notification(greeting)


subscription = Subscription("user.greeted.v1", UserGreetedV1, greet)
'''
EVENT = '''@dataclass(frozen=True, kw_only=True)
class UserGreeted(Event, name="user.greeted.v1"):
    """The later version greets each new user."""

    user_id: UUID


'''
# Per kind of notification, the users that should have one, those that have none or an extra one.
EFFECTS = """
SELECT count(*) AS events,
       count(*) FILTER (WHERE notifications = 0) AS lost,
       count(*) FILTER (WHERE notifications > 1) AS duplicated
FROM (SELECT (SELECT count(*) FROM notifications
              WHERE user_id = users.id AND kind = '{kind}') AS notifications
      FROM users WHERE {condition}) AS counted
"""


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The newest release in tests/releases, with packages of its own."""
    [*_, archive] = sorted(RELEASES.glob("*.tar.xz"), key=version_of)
    folder = tmp_path_factory.mktemp("release")
    with tarfile.open(archive) as content:
        content.extractall(folder, filter="data")
    [service] = folder.iterdir()
    run_in_service(service, "make", "setup")
    return service


@pytest.fixture
def later(service: Path, tmp_path: Path) -> Path:
    """A later version: a copy of the working tree's service with a column and an event more."""
    copy = tmp_path / "later"
    shutil.copytree(service, copy, ignore=shutil.ignore_patterns(".venv", "__pycache__", "tests"))
    (copy / "migrations/versions/0002_greeting.py").write_text(REVISION, encoding="utf-8")
    (copy / "src/consumers/greet.py").write_text(CONSUMER, encoding="utf-8")
    replace_once(
        copy / "src/domain/user.py",
        ("class EmailTakenError", f"{EVENT}class EmailTakenError"),
        ("    is_active: bool\n", "    is_active: bool\n    greeting: str | None\n"),
        ("    version: int = 1\n", '    version: int = 1\n    greeting: str | None = "Hello"\n'),
        (
            "        return user\n",
            "        user.record(UserGreeted(user_id=user.id))\n        return user\n",
        ),
    )
    column = "    is_active: Mapped[bool]\n"
    addition = "    greeting: Mapped[str | None]\n"
    replace_once(copy / "src/repositories/users.py", (column, column + addition))
    return copy


class Fleet:
    """One API and one worker of a version, replaced by those of another version under load."""

    def __init__(self, runner: Runner, load: AccountLoad) -> None:
        """Start the first version, which `runner` has been created with."""
        self.runner = runner
        self.load = load
        self.worker = runner.consumer()
        self.api, self.url = runner.api()
        load.add(self.url)

    def migrate(self, service: Path) -> str:
        """Migrate as the image of this version does, and take the next processes from it."""
        self.runner.switch(service)
        words = (self.runner.python, "-m", "alembic", "upgrade", "head")
        return run_in_service(service, *words, **self.runner.settings)

    def replace_worker(self) -> None:
        """Start the next version's worker beside the old one, then stop the old one."""
        old = self.worker
        self.worker = self.runner.consumer()
        self._go_on_and_stop(old, exit_code=0)

    def replace_api(self) -> None:
        """Start the next version's API beside the old one, then stop the old one."""
        old = self.api
        old_url = self.url
        self.api, self.url = self.runner.api()
        self.load.add(self.url)
        self.load.go_on(ACCOUNTS)
        self.load.remove(old_url)
        # Uvicorn stops in an orderly way, and then ends by the signal that it got.
        self._go_on_and_stop(old, exit_code=-signal.SIGTERM)

    def _go_on_and_stop(self, old: Child, exit_code: int) -> None:
        self.load.go_on(ACCOUNTS)
        assert self.runner.terminate(old) == exit_code
        self.load.go_on(ACCOUNTS)


def version_of(archive: Path) -> tuple[int, ...]:
    """Return the version in the name of an archive."""
    version = archive.name.removesuffix(".tar.xz").rpartition("-")[2]
    return tuple(map(int, version.split(".")))


WELCOME = ("welcome", "true")
GREETING = ("greeting", "greeting IS NOT NULL")


def verdict_of(runner: Runner, kind: str, condition: str) -> checker.Verdict:
    """Count the users without a notification of this kind, and those with more than one."""
    [counts] = checker.rows(runner, EFFECTS.format(kind=kind, condition=condition))
    return checker.Verdict(counts["events"], counts["lost"], 0, counts["duplicated"])


WORKERS_FIRST = (Fleet.replace_worker, Fleet.replace_api)
APIS_FIRST = (Fleet.replace_api, Fleet.replace_worker)
# In the second step the later API still serves when the released worker is alone.
STEPS = (
    ("later", WORKERS_FIRST),
    ("released", WORKERS_FIRST),
    ("later", APIS_FIRST),
    ("released", APIS_FIRST),
    ("later", WORKERS_FIRST),
)


@pytest.mark.timeout(report.size(300, 1800))
def test_two_versions_at_once_fail_no_request_and_lose_no_event(
    new_runner: NewRunner, released: Path, later: Path
) -> None:
    versions = {"released": released, "later": later}
    runner = new_runner(released, SECURITY_SECRET_KEY=secrets.token_urlsafe(32))
    migrate_as_released(runner)
    said: dict[str, str] = {}
    with AccountLoad() as load:
        fleet = Fleet(runner, load)
        for version, order in STEPS:
            said[version] = fleet.migrate(versions[version])
            for replace in order:
                replace(fleet)
    assert load.faults == []
    assert "It has this image's revision 0001 too: nothing to do." in said["released"]
    assert runner.log_lines("unknown_events"), "no event met a worker that did not know it"
    assert_effects(runner, load.accounts)


def migrate_as_released(runner: Runner) -> None:
    """Replace the scenario's database by one that the release has migrated."""
    administer(runner.servers, f"DROP DATABASE {runner.database}")
    administer(runner.servers, f"CREATE DATABASE {runner.database}")
    words = (runner.python, "-m", "alembic", "upgrade", "head")
    run_in_service(runner.service, *words, **runner.settings)


def assert_effects(runner: Runner, accounts: set[str]) -> None:
    """Every account has one welcome, and one greeting if the later version registered it."""

    def verdicts() -> list[checker.Verdict]:
        return [verdict_of(runner, *case) for case in (WELCOME, GREETING)]

    def is_settled() -> bool:
        return all(verdict.is_clean for verdict in verdicts())

    with suppress(DeadlineError):  # the verdicts below say what is missing
        eventually("every event has had its effect", is_settled, within=60)
    for version, verdict in zip(("both versions", "a later version"), verdicts(), strict=True):
        report.note(f"two versions at once, events of {version}", verdict)
        assert verdict.is_clean, verdict
    assert len(accounts) == verdicts()[0].events
    assert checker.count(runner, "SELECT count(*) FROM outbox_messages") == 0
    assert amqp.dead_letters(runner) == []
