"""Tests of `scripts/init_env.py` over an existing `.env`: it adds what is missing, and no more."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from tests.machine import Machine
from tests.test_init_env import EXAMPLE, KEPT
from tools.common.machine import free_port

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A project with one server, whose example names free ports."""
    machine = Machine(tmp_path)
    machine.configure(EXAMPLE.format(app=free_port(), db=free_port()))
    return machine


def test_required_settings_that_env_lacks_are_added_with_fresh_secrets(machine: Machine) -> None:
    """POSTGRES_USER has no default in src/config.py; the others have one, or are the owner's."""
    mine = f"# mine\r\nAPP_PORT={free_port()}\r\nexport POSTGRES_PASSWORD='mine'"
    machine.write(".env", mine)
    machine.env.chmod(0o600)
    assert machine.say()[0] == "added to .env: POSTGRES_USER, SECURITY_SECRET_KEY, POSTGRES_PORT"
    text = machine.env.read_bytes().decode()
    assert text.startswith(mine + "\r\n")
    assert "\n" not in text.replace("\r\n", "")
    assert machine.values["POSTGRES_USER"].strip() == "service"
    assert len(machine.values["SECURITY_SECRET_KEY"].strip()) == 64
    assert machine.say() == KEPT


def test_an_option_that_is_switched_on_brings_its_settings_and_a_free_port(
    machine: Machine,
) -> None:
    machine.say()
    before = machine.env.read_text(encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as running:
        port = running.getsockname()[1]
        example = (machine.folder / ".env.example").read_text(encoding="utf-8")
        redis = f"REDIS_HOST=localhost\nREDIS_PORT={port}\nREDIS_PASSWORD=change-me\n"
        machine.configure(example + redis, servers=("db", "redis"))
        said = machine.say()
    assert said[1:] == [
        "added to .env: REDIS_PASSWORD, REDIS_PORT",
        "renewed docker-compose.override.yml",
    ]
    assert said[0].startswith("chose REDIS_PORT=")
    assert machine.env.read_text(encoding="utf-8").startswith(before)
    assert machine.values["REDIS_PORT"] != str(port)
