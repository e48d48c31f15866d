"""Tests of `docker-compose.override.yml`: `init_env.py` renews it until its owner edits it."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.conftest import SERVICE
from tests.machine import Machine
from tests.test_hooks import settings_of
from tools.common.machine import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Render

SERVERS = ("db", "redis", "rabbitmq")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A project with all servers."""
    machine = Machine(tmp_path)
    configure(machine, SERVERS)
    machine.say()
    return machine


def configure(machine: Machine, servers: tuple[str, ...]) -> None:
    """Name these servers in the Compose file."""
    names = ("APP", "POSTGRES", "REDIS", "RABBITMQ", "RABBITMQ_MANAGEMENT")
    machine.configure("".join(f"{name}_PORT={free_port()}\n" for name in names), servers)


def services(machine: Machine) -> dict[str, Any]:
    """Return the services of the override."""
    found: dict[str, Any] = yaml.safe_load(machine.override.read_text(encoding="utf-8"))
    return found["services"]  # type: ignore[no-any-return]


def test_it_publishes_the_servers_of_the_compose_file_on_loopback(machine: Machine) -> None:
    assert set(services(machine)) == {"micro_service", "consume_worker", *SERVERS}
    assert services(machine)["db"]["ports"] == ["127.0.0.1:${POSTGRES_PORT:-5432}:5432"]
    assert services(machine)["rabbitmq"]["ports"] == [
        "127.0.0.1:${RABBITMQ_PORT:-5672}:5672",
        "127.0.0.1:${RABBITMQ_MANAGEMENT_PORT:-15672}:15672",
    ]


def test_api_and_worker_reload_the_code_of_this_folder(machine: Machine) -> None:
    api = services(machine)["micro_service"]
    worker = services(machine)["consume_worker"]
    assert api["volumes"] == worker["volumes"] == ["./src:/app/src:ro"]
    assert "--reload --reload-dir src" in api["command"]
    assert worker["command"][0] == "watchfiles"


def test_it_follows_the_compose_file_when_an_option_is_switched(machine: Machine) -> None:
    for servers in (("db",), SERVERS):
        configure(machine, servers)
        assert machine.say()[-1] == "renewed docker-compose.override.yml"
        assert set(services(machine)) == {"micro_service", "consume_worker", *servers}
        assert machine.say()[-1] == "kept docker-compose.override.yml"


def test_an_edited_override_is_kept_and_what_it_names_in_vain_is_said(machine: Machine) -> None:
    mine = machine.override.read_text(encoding="utf-8").replace("src:ro", "src:rw")
    mine = mine.replace("services:\n", "services:\n  mail:\n    image: mailpit\n")
    machine.override.write_text(mine, encoding="utf-8")
    configure(machine, ("db",))
    said = machine.say()[-1]
    assert "names redis, rabbitmq, which docker-compose.yml has not" in said
    assert "Delete it and run `make setup` for a new one" in said
    assert machine.override.read_text(encoding="utf-8") == mine


def test_an_override_with_other_line_endings_is_still_the_scripts_own(machine: Machine) -> None:
    text = machine.override.read_text(encoding="utf-8")
    machine.override.write_text(text, encoding="utf-8", newline="\r\n")
    configure(machine, ("db",))
    assert machine.say()[-1] == "renewed docker-compose.override.yml"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files to others")
@pytest.mark.parametrize(
    ("owner", "mode", "user"), [(0, 0o755, None), (0, 0o700, "0:0"), (1234, 0o755, "1234:1234")]
)
def test_the_containers_run_as_a_user_that_can_read_the_code(
    machine: Machine, owner: int, mode: int, user: str | None
) -> None:
    """Root with the umask 077 included."""
    source = machine.folder / "src"
    source.chmod(mode)
    os.chown(source, owner, owner)
    machine.say()
    users = [services(machine)[name].get("user") for name in ("micro_service", "consume_worker")]
    assert users == [user, user]


def test_every_port_of_the_example_belongs_to_the_api_or_to_a_compose_service(
    render: Render,
) -> None:
    service = render()
    override = (service / "docker-compose.override.yml").read_text(encoding="utf-8")
    published = dict(re.findall(r"\{(\w+_PORT):-(\d+)\}", override))
    example = settings_of(service / ".env.example")
    ports = {name: port for name, port in example.items() if name.endswith("_PORT")}
    assert ports == {"APP_PORT": "8000", **published}
    compose = yaml.safe_load((service / "docker-compose.yml").read_text(encoding="utf-8"))
    assert set(yaml.safe_load(override)["services"]) <= set(compose["services"])


def test_init_env_needs_the_standard_library_only() -> None:
    """Deployments run it without `.venv`."""
    files = [SERVICE / "scripts" / "init_env.py", *(SERVICE / "scripts/machine").glob("*.py")]
    files.append(SERVICE / "src/utils/env_file.py")
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    imported = set(re.findall(r"^(?:import|from) (\w+)", text, re.MULTILINE))
    standard = {"__future__", "ast", "collections", "contextlib", "hashlib", "itertools", "os"}
    standard |= {"pathlib", "re", "secrets", "shutil", "socket", "stat", "subprocess", "sys"}
    assert imported <= {"scripts", "src", *standard}
    assert {*re.findall(r"^from (src\S*)", text, re.MULTILINE)} == {"src.utils.env_file"}
