"""The commands of docs/deployment.md for operators, run as they are written there."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import httpx2
import pytest

from tests.containers.stack import PASSWORD, PRODUCTION
from tools.common.processes import run
from tools.common.waiting import eventually

if TYPE_CHECKING:
    from tests.containers.stack import Stack

DEAD = """
INSERT INTO outbox_messages (event_id, event_type, envelope)
VALUES (gen_random_uuid(), 'user.registered.v1', '{}')
"""


def type_in(stack: Stack, command: str) -> str:
    """Run a documented command in the service's folder."""
    settings = {"APP_PORT": str(stack.port), "COMPOSE_FILE": PRODUCTION[0]}
    environment = {**os.environ, **settings}
    return run("bash", "-c", command, within=600, cwd=stack.folder, environment=environment)


def documents(stack: Stack) -> str:
    """Return the text of docs/deployment.md."""
    return (stack.folder / "docs" / "deployment.md").read_text(encoding="utf-8")


def documented(stack: Stack, purpose: str) -> str:
    """Return the command for a purpose from the table of docs/deployment.md."""
    found = re.search(rf"(?m)^\| {purpose}[^|]*\| `(.+?)`", documents(stack))
    assert found, purpose
    return f"docker compose {found[1]}"


def test_dead_letters_are_listed_and_redriven(production: Stack) -> None:
    list_them = documented(production, "list dead letters")
    assert "0 dead letters" in type_in(production, list_them)
    production.sql(" ".join(DEAD.split()))
    one = "\n1 dead letters"
    eventually("there is one", lambda: one in type_in(production, list_them), within=120)
    redrive = documented(production, "hand them to the worker again")
    assert "1 dead letters sent back" in type_in(production, redrive)
    eventually("it is dead again", lambda: one in type_in(production, list_them), within=120)


def test_a_closed_account_cannot_log_in(production: Stack) -> None:
    account = {"email": "grace@example.com", "password": PASSWORD}
    answers = [httpx2.post(f"{production.url}/api/v1/auth/register", json=account, timeout=10)]
    command = documented(production, "close an account").replace("ADDRESS", account["email"])
    type_in(production, command)
    answers.append(httpx2.post(f"{production.url}/api/v1/auth/login", json=account, timeout=10))
    assert [answer.status_code for answer in answers] == [201, 401]


@pytest.mark.parametrize("purpose", ["run migrations", "see whether all is well"])
def test_a_documented_command_succeeds(production: Stack, purpose: str) -> None:
    type_in(production, documented(production, purpose))


def post(stack: Stack, route: str, **body: str) -> httpx2.Response:
    """Post to a route of the accounts."""
    return httpx2.post(f"{stack.url}/api/v1/auth/{route}", json=body, timeout=10)


def test_a_restored_backup_has_the_data_of_the_backup_only_and_ends_all_sessions(
    production: Stack,
) -> None:
    section = documents(production).split("### Back up and restore")[1]
    backup, *restore = re.findall(r"(?m)^    (docker compose .+)$", section)
    account = {"email": "lin@example.com", "password": PASSWORD}
    production.registered.add(post(production, "register", **account).json()["id"])
    older = post(production, "login", **account).json()["refresh_token"]
    assert production.register()
    production.settle()
    before = production.sql("SELECT id FROM users ORDER BY id")
    type_in(production, backup)
    newer = post(production, "refresh", refresh_token=older).json()["refresh_token"]
    assert production.register()
    production.settle()
    for command in restore:
        type_in(production, command)
    assert production.sql("SELECT id FROM users ORDER BY id") == before
    answers = [post(production, "refresh", refresh_token=token) for token in (newer, older)]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert "refresh_token_reused" not in production.compose("logs", "micro_service")
    assert post(production, "login", **account).status_code == httpx2.codes.OK
    production.registered &= set(before.split())
    assert production.register()
    production.settle()
