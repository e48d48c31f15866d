"""The commands of docs/deployment.md for operators, run as they are written there."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import httpx2
import pytest

from tests.containers.stack import PASSWORD, PRODUCTION
from tools.common.errors import ToolError
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
    discard = documented(production, "delete them for good")
    with pytest.raises(ToolError, match="confirm with --yes"):
        type_in(production, discard)
    assert "1 dead letters deleted" in type_in(production, f"{discard} --yes")
    assert "0 dead letters" in type_in(production, list_them)


def test_a_closed_account_cannot_log_in(production: Stack) -> None:
    account = {"email": "grace@example.com", "password": PASSWORD}
    answers = [httpx2.post(f"{production.url}/api/v1/auth/register", json=account, timeout=10)]
    command = documented(production, "close an account").replace("ADDRESS", account["email"])
    type_in(production, command)
    answers.append(httpx2.post(f"{production.url}/api/v1/auth/login", json=account, timeout=10))
    assert [answer.status_code for answer in answers] == [201, 401]


@pytest.mark.parametrize(
    "purpose",
    [
        "see whether all is well",
        "list the events that wait",
        "run migrations",
        "show the current migration",
        "open a database prompt",
    ],
)
def test_a_documented_command_succeeds(production: Stack, purpose: str) -> None:
    type_in(production, documented(production, purpose))


def test_the_log_lines_of_one_request_are_found_by_its_id(production: Stack) -> None:
    answer = httpx2.get(f"{production.url}/api/v1/users/me", timeout=10)
    command = documented(production, "show the logs of one request").replace("\\|", "|")
    lines = type_in(production, command.replace("REQUEST_ID", answer.headers["x-request-id"]))
    assert '"path":"/api/v1/users/me"' in lines


def test_queues_are_moved_while_no_worker_runs(production: Stack) -> None:
    if "rabbitmq" not in production.variant.services:
        assert "move-queue" not in documents(production)
        return
    command = documented(production, "replace queues that")
    production.compose("stop", "consume_worker")
    assert production.register()
    type_in(production, command)
    production.compose("start", "consume_worker")
    production.settle()
