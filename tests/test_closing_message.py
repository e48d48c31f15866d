"""The end of a render: the message, a pipe without a reader, and foreign modules in /tmp."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import CommandLine


def test_the_last_message_says_what_was_chosen_and_where_it_listens(
    command_line: CommandLine,
) -> None:
    output = command_line.home.parent
    answers = ("use_redis=no", "license=apache-2.0", "author_email=ada@example.com")
    done = command_line.cookiecutter(output, "--no-input", *answers)
    assert done.returncode == 0
    assert done.stderr == ""
    env = (output / "user-service" / ".env").read_text(encoding="utf-8")
    ports = dict(re.findall(r"^(\w+)_PORT=(\d+)$", env, re.MULTILINE))
    parts = (
        "wrote .env",
        "user-service is ready: Python 3.14, PostgreSQL and RabbitMQ, GitHub Actions, Apache-2.0",
        "The owner is The User Service team, ada@example.com.",
        f"cd {output / 'user-service'}",
        "docker compose up --build -d --wait",
        f"http://localhost:{ports['APP']}/docs",
        f"on this machine: PostgreSQL on {ports['POSTGRES']}, RabbitMQ on {ports['RABBITMQ']}.",
        "make setup",
        "make run",
    )
    assert [part for part in parts if part not in done.stdout] == []


def test_the_last_message_names_the_folder_relative_to_the_shell(command_line: CommandLine) -> None:
    """A shell sets PWD; cookiecutter itself changes its working directory."""
    shell = ("sh", "-c", 'cd "$1" && "$2" -m cookiecutter "$3" --no-input', "sh")
    done = command_line.run(*shell, command_line.home, sys.executable, ROOT)
    assert done.returncode == 0, done.stderr
    assert "\n    cd user-service\n" in done.stdout


@pytest.mark.parametrize("output_is", ["a pipe without a reader", "closed", "a full disk"])
def test_a_render_stays_if_its_message_cannot_be_printed(
    command_line: CommandLine, output_is: str
) -> None:
    """`cookiecutter … | head -1` closes the pipe before the message is complete."""
    output = command_line.home.parent
    command = (sys.executable, "-m", "cookiecutter", ROOT, "--no-input", "--output-dir", output)
    if output_is == "closed":
        words: tuple[str | Path, ...] = ("sh", "-c", 'exec "$@" >&-', "sh", *command)
        done = command_line.run(*words)
        code = done.returncode
        errors = done.stderr
    else:
        reader, writer = os.pipe()
        os.close(reader)
        sink = os.open("/dev/full", os.O_WRONLY) if output_is == "a full disk" else writer
        running = subprocess.run(
            command,
            stdout=sink,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env=command_line.environment,
        )
        code = running.returncode
        errors = running.stderr
    assert (code, errors) == (0, "")
    assert (output / "user-service" / ".env").is_file()
    assert (output / "user-service" / "src" / "main.py").is_file()


@pytest.mark.parametrize("name", ["json", "os", "re", "pathlib", "typing", "__future__", "shlex"])
def test_no_module_from_the_folder_for_temporary_files_is_executed(
    command_line: CommandLine, name: str
) -> None:
    """Cookiecutter copies the hooks there, and every user of the machine can write to it."""
    output = command_line.home.parent / "output"
    temporary = command_line.home / "tmp"
    temporary.mkdir()
    mark = temporary / "executed"
    (temporary / f"{name}.py").write_text(f"open({str(mark)!r}, 'w')\n", encoding="utf-8")
    with_folder = ("env", f"TMPDIR={temporary}", sys.executable, "-m", "cookiecutter", ROOT)
    done = command_line.run(*with_folder, "--no-input", "--output-dir", output)
    assert done.returncode == 0, done.stderr
    assert (output / "user-service" / ".env").is_file()
    assert not mark.exists()
