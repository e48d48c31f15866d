"""Tests of the service's `scripts/init_env.py`, which writes `.env` and the Compose override."""

from __future__ import annotations

import shutil
import socket
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.conftest import SERVICE
from tests.test_hooks import OF_THIS_MACHINE, init_env, settings_of

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLE = """\
# Comments stay unchanged, even with POSTGRES_PASSWORD=change-me.
APP_PORT=8000
POSTGRES_HOST=localhost
POSTGRES_PORT=5432
POSTGRES_PASSWORD=change-me
BROKER_HOST=localhost
BROKER_PORT=5672
BROKER_MANAGEMENT_PORT=15672
BROKER_PASSWORD=change-me
BROKER_DELAYS=[10, 60]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Create a small project with the script and an example file."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(SERVICE / "scripts" / "init_env.py", tmp_path / "scripts")
    (tmp_path / ".env.example").write_text(EXAMPLE, encoding="utf-8")
    return tmp_path


def test_env_is_the_example_with_secrets_and_free_ports(project: Path) -> None:
    assert init_env(project).stdout.splitlines() == [
        "wrote .env: fresh secrets, readable by you alone",
        "wrote docker-compose.override.yml: local ports, live reload",
    ]
    text = (project / ".env").read_text(encoding="utf-8")
    made = settings_of(project / ".env")
    assert made["POSTGRES_PASSWORD"] != made["BROKER_PASSWORD"]
    for name in ("POSTGRES_PASSWORD", "BROKER_PASSWORD"):
        text = text.replace(made[name], "change-me")
    for name in ("POSTGRES_PORT", "BROKER_PORT", "BROKER_MANAGEMENT_PORT"):
        usual = settings_of(project / ".env.example")[name]
        text = text.replace(f"{name}={made[name]}\n", f"{name}={usual}\n")
    assert text == EXAMPLE


def test_the_override_contains_only_the_servers_that_the_example_names(project: Path) -> None:
    """APP_PORT does not belong to a server, because there is no APP_HOST."""
    init_env(project)
    text = (project / "docker-compose.override.yml").read_text(encoding="utf-8")
    services = yaml.safe_load(text)["services"]
    assert set(services) == {"micro_service", "db", "broker"}
    assert services["db"]["ports"] == ["127.0.0.1:${POSTGRES_PORT}:5432"]
    assert services["broker"]["ports"] == [
        "127.0.0.1:${BROKER_PORT}:5672",
        "127.0.0.1:${BROKER_MANAGEMENT_PORT}:15672",
    ]
    assert text.startswith("# This machine only, not committed")


def test_a_port_in_use_is_replaced_by_the_next_free_port(project: Path) -> None:
    """Two servers never get the same port, even if one moves to the other's usual port."""
    with socket.create_server(("127.0.0.1", 0)) as running:
        port = running.getsockname()[1]
        example = f"A_HOST=x\nA_PORT={port}\nB_HOST=x\nB_PORT={port + 1}\n"
        (project / ".env.example").write_text(example, encoding="utf-8")
        init_env(project)
    made = settings_of(project / ".env")
    assert int(made["A_PORT"]) > port + 1
    assert int(made["B_PORT"]) >= port + 1
    assert made["A_PORT"] != made["B_PORT"]
    text = (project / "docker-compose.override.yml").read_text(encoding="utf-8")
    assert f"127.0.0.1:${{A_PORT}}:{port}" in text


@pytest.mark.parametrize("name", OF_THIS_MACHINE)
def test_an_existing_file_is_never_overwritten(project: Path, name: str) -> None:
    (project / name).write_text("MINE=1\n", encoding="utf-8")
    done = init_env(project)
    assert done.returncode == 0
    assert f"kept {name}" in done.stdout
    assert (project / name).read_text(encoding="utf-8") == "MINE=1\n"


def test_a_dangling_env_link_is_reported_and_not_followed(project: Path) -> None:
    """`.env` may point to a folder of secrets that is not mounted at the moment."""
    (project / ".env").symlink_to(project / "elsewhere")
    done = init_env(project)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert not (project / "elsewhere").exists()


def test_settings_that_an_existing_env_lacks_are_printed(project: Path) -> None:
    (project / ".env").write_text(EXAMPLE.replace("BROKER_DELAYS", "OTHER"), encoding="utf-8")
    assert "kept .env, but .env.example also names BROKER_DELAYS" in init_env(project).stdout


def test_a_missing_example_is_reported_in_one_line(project: Path) -> None:
    (project / ".env.example").unlink()
    done = init_env(project)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert ".env.example" in done.stderr
    assert not (project / ".env").exists()
