"""Tests of what `scripts/init_env.py` says about an existing `.env`: one clear line each."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from tests.machine import Machine
from tools.common.machine import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXAMPLE = """\
APP_PORT={app}
POSTGRES_PORT={db}
POSTGRES_USER=service
POSTGRES_PASSWORD=change-me
"""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A project with a new `.env`."""
    machine = Machine(tmp_path)
    machine.configure(EXAMPLE.format(app=free_port(), db=free_port()))
    machine.say()
    return machine


@pytest.fixture
def used() -> Iterator[int]:
    """A port on which a program listens."""
    with socket.create_server(("127.0.0.1", 0)) as running:
        yield running.getsockname()[1]


def set_value(machine: Machine, name: str, value: object) -> None:
    """Set a variable of `.env`."""
    values = {**machine.values, name: str(value)}
    machine.env.write_text("".join(f"{n}={v}\n" for n, v in values.items()), encoding="utf-8")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("0", "not '0'"),
        ("-1", "not '-1'"),
        ("70000", "not '70000'"),
        ("9" * 5000, f"not '{'9' * 5000}'"),
        ("postgres", "not 'postgres'"),
    ],
)
@pytest.mark.parametrize("name", ["APP_PORT", "POSTGRES_PORT"])
def test_a_value_that_is_no_port_is_named(
    machine: Machine, name: str, value: str, found: str
) -> None:
    set_value(machine, name, value)
    before = machine.env.read_bytes()
    done = machine.set_up()
    assert done.returncode == 1
    assert done.stderr == f"init_env: .env: {name} must be a port from 1 to 65535, {found}\n"
    assert machine.env.read_bytes() == before


@pytest.mark.parametrize("name", ["APP_PORT", "POSTGRES_PORT"])
def test_an_empty_port_counts_as_unset(machine: Machine, name: str) -> None:
    set_value(machine, name, "")
    done = machine.set_up()
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("kept .env\n")


def test_an_empty_setting_without_a_default_is_named_with_the_way_out(machine: Machine) -> None:
    """The reported way out is then taken."""
    set_value(machine, "POSTGRES_PASSWORD", "")
    done = machine.set_up()
    assert done.returncode == 1
    assert done.stderr == (
        "init_env: .env: POSTGRES_PASSWORD is empty, but has no default."
        " Delete the line and run `make setup`\n"
    )
    text = machine.env.read_text(encoding="utf-8").replace("POSTGRES_PASSWORD=\n", "")
    machine.env.write_text(text, encoding="utf-8")
    assert machine.say()[0] == "added to .env: POSTGRES_PASSWORD"


@pytest.mark.parametrize("value", ["abc$def", "abc$$def", '"abc$def"', "'a${b'", "'it\\'s'", "'a"])
def test_a_value_that_compose_would_read_differently_is_named_with_the_quoting_rule(
    machine: Machine, value: str
) -> None:
    set_value(machine, "POSTGRES_PASSWORD", value)
    done = machine.set_up()
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("init_env: .env: POSTGRES_PASSWORD has one value for Docker Compose")
    assert "in single quotes" in line


@pytest.mark.parametrize("value", ["'abc$def'", "'abc$$def' # mine", "abc#def", "it's"])
def test_a_value_with_one_meaning_is_kept(machine: Machine, value: str) -> None:
    set_value(machine, "POSTGRES_PASSWORD", value)
    before = machine.env.read_bytes()
    assert machine.say()[0] == "kept .env"
    assert machine.env.read_bytes() == before


def test_a_value_of_another_program_may_have_any_form(machine: Machine) -> None:
    set_value(machine, "COMPOSE_FILE", "${A}:$B")
    assert machine.say()[0] == "kept .env"


@pytest.mark.parametrize(
    ("written", "added"),
    [("'abc$def'", "'abc$def'"), ('"a # b"', "'a # b'"), ("'a b'", "a b"), ("abc", "abc")],
)
def test_a_value_of_the_example_is_added_in_quotes_that_keep_its_meaning(
    machine: Machine, written: str, added: str
) -> None:
    example = (machine.folder / ".env.example").read_text(encoding="utf-8")
    machine.configure(example.replace("USER=service", f"USER={written}"))
    text = machine.env.read_text(encoding="utf-8").replace("POSTGRES_USER=service\n", "")
    machine.env.write_text(text, encoding="utf-8")
    assert machine.say()[0] == "added to .env: POSTGRES_USER"
    assert machine.values["POSTGRES_USER"] == added
    assert machine.say()[0] == "kept .env"


def test_an_example_with_two_meanings_is_refused(machine: Machine) -> None:
    machine.configure("POSTGRES_USER=a$b\n")
    done = machine.set_up()
    assert done.returncode == 1
    assert done.stderr.startswith("init_env: .env.example: POSTGRES_USER has one value for")


def test_two_settings_with_the_same_port_are_named(machine: Machine) -> None:
    set_value(machine, "POSTGRES_PORT", machine.values["APP_PORT"])
    done = machine.set_up()
    assert done.returncode == 1
    assert "APP_PORT and POSTGRES_PORT are both" in done.stderr


def test_comments_and_quotes_around_a_port_are_no_part_of_it(machine: Machine) -> None:
    set_value(machine, "APP_PORT", f'"{free_port()}"  # mine')
    set_value(machine, "POSTGRES_PORT", f"{free_port()} # mine")
    assert machine.say() == ["kept .env", "kept docker-compose.override.yml"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "latin-1"])
@pytest.mark.parametrize("name", [".env", ".env.example"])
def test_a_file_in_another_encoding_is_named(machine: Machine, name: str, encoding: str) -> None:
    (machine.folder / name).write_bytes("APP_NAME=é\n".encode(encoding))
    done = machine.set_up()
    assert done.returncode == 1
    assert done.stderr == (f"init_env: {name} is not plain UTF-8: save it as UTF-8 without a BOM\n")


def test_a_copy_of_the_example_is_reported_with_the_way_out(machine: Machine) -> None:
    """The reported way out is then taken."""
    example = (machine.folder / ".env.example").read_text(encoding="utf-8")
    machine.env.write_text(example, encoding="utf-8")
    machine.env.chmod(0o644)
    kept, placeholder, mode, _ = machine.say()
    assert kept == "kept .env"
    assert placeholder.startswith(".env: POSTGRES_PASSWORD is still change-me")
    assert "Delete the line and run `make setup`" in placeholder
    assert mode == ".env: other users can read it (mode 0644). Run: chmod 600 .env"
    line = "POSTGRES_PASSWORD=change-me\n"
    machine.env.write_text(example.replace(line, ""), encoding="utf-8")
    machine.env.chmod(0o600)
    assert machine.say()[0] == "added to .env: POSTGRES_PASSWORD"
    assert machine.say()[0] == "kept .env"


def test_a_port_in_use_is_named_with_its_setting_and_a_free_port(
    machine: Machine, used: int
) -> None:
    set_value(machine, "APP_PORT", used)
    line = machine.say()[1]
    assert line.startswith(f".env: APP_PORT={used} is in use on this machine. Stop the other")
    free = int(line.rpartition("APP_PORT=")[2])
    assert free != used
    set_value(machine, "APP_PORT", free)
    assert machine.say()[1] == "kept docker-compose.override.yml"


def test_the_port_of_a_server_in_use_may_be_right_without_docker(
    machine: Machine, used: int
) -> None:
    set_value(machine, "POSTGRES_PORT", used)
    line = machine.say()[1]
    assert line.startswith(f".env: POSTGRES_PORT={used} is in use on this machine.")
    assert line.endswith("Without Docker it is right if that is your own server")


def test_the_ports_of_the_services_own_containers_are_not_reported(
    machine: Machine, used: int
) -> None:
    set_value(machine, "APP_PORT", used)
    project = machine.values["COMPOSE_PROJECT_NAME"]
    found = f"label=com.docker.compose.project={project} --filter publish={used}"
    assert machine.say(found) == ["kept .env", "kept docker-compose.override.yml"]


def test_production_publishes_no_port_of_a_server(machine: Machine, used: int) -> None:
    set_value(machine, "POSTGRES_PORT", used)
    set_value(machine, "APP_ENVIRONMENT", "production")
    assert machine.say() == ["kept .env", "kept docker-compose.override.yml"]


def test_make_runs_port_is_that_of_the_environment_or_of_env(machine: Machine, used: int) -> None:
    port = machine.values["APP_PORT"]
    assert machine.run("app_port.py").stdout == f"{port}\n"
    other = str(free_port())
    assert machine.run("app_port.py", APP_PORT=other).stdout == f"{other}\n"
    done = machine.run("app_port.py", APP_PORT=str(used))
    assert done.returncode == 1
    assert done.stdout == ""
    assert f"APP_PORT={used} is in use on this machine: set APP_PORT=" in done.stderr
