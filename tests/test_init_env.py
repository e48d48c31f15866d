"""Tests of the service's `scripts/init_env.py`: it writes `.env` once."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from tests.machine import Machine
from tools.common.machine import free_port

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLE = """\
# Comments stay unchanged, even with POSTGRES_PASSWORD=change-me.
APP_ENVIRONMENT=development
APP_PORT={app}  # a comment behind a value
POSTGRES_HOST=localhost
POSTGRES_PORT={db}
POSTGRES_USER=service
POSTGRES_PASSWORD="change-me"
SMTP_HOST=mail.example.com
SMTP_PORT=25
SECURITY_SECRET_KEY=change-me
DELAYS=[10, 60]
"""
CREATED = [
    "wrote .env: fresh secrets, readable by you alone",
    "wrote docker-compose.override.yml: local ports, live reload",
]
KEPT = ["kept .env", "kept docker-compose.override.yml"]
SECRETS = ("POSTGRES_PASSWORD", "SECURITY_SECRET_KEY")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A project with one server, whose example names free ports."""
    machine = Machine(tmp_path)
    machine.configure(EXAMPLE.format(app=free_port(), db=free_port()))
    return machine


def test_a_new_env_is_the_example_with_secrets_and_a_project_name(machine: Machine) -> None:
    assert machine.say() == CREATED
    text = machine.env.read_text(encoding="utf-8")
    values = machine.values
    project = values["COMPOSE_PROJECT_NAME"]
    assert project.startswith("user-service-")
    assert values["POSTGRES_PASSWORD"] != values["SECURITY_SECRET_KEY"]
    for name in SECRETS:
        text = text.replace(values[name].strip('"'), "change-me")
    example = (machine.folder / ".env.example").read_text(encoding="utf-8")
    assert text.startswith(example)
    assert len(text.removeprefix(example).splitlines()) == 3
    assert machine.env.stat().st_mode & 0o777 == 0o600


def test_a_second_run_changes_nothing(machine: Machine) -> None:
    machine.say()
    before = machine.env.read_bytes()
    assert machine.say() == KEPT
    assert machine.env.read_bytes() == before


@pytest.mark.parametrize("found", ["volume ls", "ps --all"])
def test_a_new_env_continues_with_the_containers_or_volumes_of_the_default_project(
    machine: Machine, found: str
) -> None:
    """Under a new name the service would start on empty volumes."""
    said = machine.say(f"{found} --quiet --filter label=com.docker.compose.project=user-service")
    assert "COMPOSE_PROJECT_NAME" not in machine.values
    assert ".env has no COMPOSE_PROJECT_NAME: containers or volumes" in said[1]
    refused = [line for line in said if "keep their old passwords" in line]
    assert len(refused) == (found == "volume ls")
    assert all("put the old .env back" in line and "deployment.md" in line for line in refused)


def test_an_env_gets_no_project_name_where_the_compose_file_has_one(machine: Machine) -> None:
    compose = (machine.folder / "docker-compose.yml").read_text(encoding="utf-8")
    machine.write("docker-compose.yml", f"name: mine\n{compose}")
    assert machine.say() == CREATED
    assert "COMPOSE_PROJECT_NAME" not in machine.values


def test_an_existing_env_never_gets_a_project_name(machine: Machine) -> None:
    machine.say()
    text = machine.env.read_text(encoding="utf-8")
    machine.env.write_text(text[: text.index("\n# The name of")], encoding="utf-8")
    assert machine.say() == KEPT


def test_a_port_in_use_is_replaced_by_a_free_port_and_named(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as running:
        port = running.getsockname()[1]
        machine.configure(EXAMPLE.format(app=port, db=port + 1))
        said = machine.say()
    values = machine.values
    chosen = values["APP_PORT"].split()[0]
    assert int(chosen) > port + 1
    assert f"chose APP_PORT={chosen}, because another program or service has {port}" in said
    assert values["APP_PORT"].endswith("  # a comment behind a value")
    assert chosen != values["POSTGRES_PORT"]


def test_services_in_folders_side_by_side_get_different_ports(tmp_path: Path) -> None:
    ports = {"app": free_port(), "db": free_port()}
    machines = [Machine(tmp_path), Machine(tmp_path, "orders-service")]
    for machine in machines:
        machine.configure(EXAMPLE.format(**ports))
        machine.say()
    first, second = (machine.values for machine in machines)
    assert first["APP_PORT"] != second["APP_PORT"]
    assert first["POSTGRES_PORT"] != second["POSTGRES_PORT"]


def test_a_server_elsewhere_keeps_its_port(machine: Machine) -> None:
    """A pair of host and port does not make a server of Docker Compose."""
    with socket.create_server(("127.0.0.1", 0)) as running:
        port = running.getsockname()[1]
        example = EXAMPLE.format(app=free_port(), db=port).replace("localhost", "db.example.com")
        machine.configure(example.replace("SMTP_PORT=25", f"SMTP_PORT={port}"))
        assert machine.say() == CREATED
    assert machine.values["POSTGRES_PORT"] == machine.values["SMTP_PORT"] == str(port)


def test_a_missing_example_is_reported_in_one_line(machine: Machine) -> None:
    (machine.folder / ".env.example").unlink()
    done = machine.set_up()
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert ".env.example" in done.stderr
    assert not machine.env.exists()


def test_a_dangling_env_link_is_reported_and_not_followed(machine: Machine) -> None:
    """`.env` may point to a folder of secrets that is not mounted at the moment."""
    machine.env.symlink_to(machine.folder / "elsewhere")
    done = machine.set_up()
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert not (machine.folder / "elsewhere").exists()
