"""The procedures of docs/deployment.md that change secrets, names and data, played as written."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

import httpx2
import pytest

from tests.containers.stack import PASSWORD, PRODUCTION
from tools.common.errors import ToolError
from tools.common.files import replace_once
from tools.common.processes import run
from tools.documents.page import Page, Reader

if TYPE_CHECKING:
    from pathlib import Path

    from tests.containers.stack import Stack

BACK_UP = "Back up and restore"
SECRET = "Change a secret"  # noqa: S105 -- a heading
NEW_ENV = "A new .env and old volumes"
UP = ("up", "--detach", "--wait")


class Operator:
    """A person who types the commands of docs/deployment.md on the machine of a stack."""

    def __init__(self, stack: Stack) -> None:
        """Read the page."""
        self.stack = stack
        self.env = stack.folder / ".env"
        self.page = Page(stack.folder / "docs/deployment.md")
        settings = {"APP_PORT": str(stack.port), "COMPOSE_FILE": PRODUCTION[0]}
        self.environment = {**os.environ, **settings}

    def play(self, heading: str, number: int = 1, *, typed: str = "", exit_code: int = 0) -> str:
        """Type the commands of a block."""
        reader = Reader(self.stack.folder, self.environment)
        return self.page.play(reader, heading, number, typed=typed, exit_code=exit_code)

    def set(self, name: str, value: str) -> None:
        """Change a line of `.env`."""
        replace_once(self.env, (f"{name}={self.stack.settings[name]}\n", f"{name}={value}\n"))

    def require_work(self) -> None:
        """Require that users of before are still there, and that new ones get their welcome."""
        assert self.stack.register()
        self.stack.settle()


@pytest.fixture
def operator(production: Stack) -> Operator:
    """An operator of a stack that works and has a user."""
    operator = Operator(production)
    operator.require_work()
    return operator


def post(stack: Stack, route: str, **body: str) -> httpx2.Response:
    """Post to a route of the accounts."""
    return httpx2.post(f"{stack.url}/api/v1/auth/{route}", json=body, timeout=10)


def cut(path: Path) -> bytes:
    """Leave the first half of a file, and return what it held."""
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return whole


def test_a_restored_backup_has_the_data_of_the_backup_only_and_ends_all_sessions(
    operator: Operator,
) -> None:
    production = operator.stack
    account = {"email": "lin@example.com", "password": PASSWORD}
    production.registered.add(post(production, "register", **account).json()["id"])
    older = post(production, "login", **account).json()["refresh_token"]
    operator.require_work()
    before = production.sql("SELECT id FROM users ORDER BY id")
    operator.play(BACK_UP, 1)
    newer = post(production, "refresh", refresh_token=older).json()["refresh_token"]
    operator.require_work()

    dump = production.folder / "service.dump"
    whole = cut(dump)
    operator.play(BACK_UP, 2, exit_code=1)
    dump.write_bytes(whole)
    operator.play(BACK_UP, 2)

    assert production.sql("SELECT id FROM users ORDER BY id") == before
    answers = [post(production, "refresh", refresh_token=token) for token in (newer, older)]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert "refresh_token_reused" not in production.compose("logs", "micro_service")
    assert post(production, "login", **account).status_code == httpx2.codes.OK
    production.registered &= set(before.split())
    operator.require_work()


def test_the_password_of_a_server_is_changed_in_the_server_first(operator: Operator) -> None:
    stack = operator.stack
    password = secrets.token_hex(16)
    operator.play(SECRET, 1, typed=f"{password}\n{password}\n")
    operator.set("POSTGRES_PASSWORD", password)
    if "rabbitmq" in stack.variant.services:
        password = secrets.token_hex(16)
        operator.play(SECRET, 2, typed=f"{password}\n")
        operator.set("RABBITMQ_PASSWORD", password)
    if "redis" in stack.variant.services:
        operator.set("REDIS_PASSWORD", secrets.token_hex(16))
    stack.compose(*UP)
    operator.require_work()


def test_servers_get_the_passwords_of_a_new_env_and_keep_their_data(operator: Operator) -> None:
    stack = operator.stack
    for name in stack.secrets:
        operator.set(name, secrets.token_hex(32))
    with pytest.raises(ToolError, match="migrate"):
        stack.compose(*UP)
    assert "password authentication failed" in stack.compose("logs", "migrate")
    operator.play(NEW_ENV, 1)
    operator.require_work()


def test_the_data_of_an_old_env_can_be_deleted(operator: Operator) -> None:
    stack = operator.stack
    for name in stack.secrets:
        operator.set(name, secrets.token_hex(32))
    operator.play(NEW_ENV, 2)
    stack.registered.clear()
    operator.require_work()


def test_a_project_is_renamed_with_its_data(operator: Operator) -> None:
    stack = operator.stack
    old = stack.image_name
    operator.play(BACK_UP, 1)
    operator.play("The name of the project", 1)
    operator.set("COMPOSE_PROJECT_NAME", f"{old}-renamed")
    operator.play("The name of the project", 2)
    operator.play(BACK_UP, 2)
    remove = ("docker", "compose", "--project-name", old, "down", "--volumes", "--rmi", "local")
    run(*remove, cwd=stack.folder, environment=operator.environment)
    operator.require_work()
