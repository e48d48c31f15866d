"""At a terminal, a question with a wrong answer is asked again; the other answers stay."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import CommandLine


def type_at_a_terminal(command_line: CommandLine, output: Path, *lines: str) -> tuple[int, str]:
    """Type all lines into the terminal of a render; return its exit code and what it showed."""
    ours, theirs = pty.openpty()
    command: list[str | Path] = [sys.executable, "-m", "cookiecutter", ROOT]
    environment = {**command_line.environment, "COLUMNS": "300", "TERM": "dumb"}
    running = subprocess.Popen(
        [*command, "--output-dir", output],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        cwd=command_line.home,
    )
    os.close(theirs)
    os.write(ours, "".join(f"{line}\n" for line in lines).encode())
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:  # on Linux: the other side is closed
        pass
    os.close(ours)
    return running.wait(timeout=60), shown.decode()


def answers_of(service: Path) -> dict[str, object]:
    """Return the answers that a service was rendered from."""
    record = json.loads((service / ".template.json").read_text(encoding="utf-8"))
    answers: dict[str, object] = record["answers"]
    return answers


def test_a_refusal_at_the_tenth_question_keeps_nine_answers(command_line: CommandLine) -> None:
    output = command_line.home.parent / "output"
    nine = ("Billing", "", "Sends invoices.", "Ada", "ada@example.com", "no", "no", "3", "3.12")
    code, shown = type_at_a_terminal(command_line, output, *nine, "GPL", "apache-2.0")
    assert code == 0, shown
    assert "license must be one of: MIT, Apache-2.0, BSD-3-Clause, Proprietary." in shown
    assert shown.count("[10/10]") == 2
    assert answers_of(output / "billing") == {
        "project_name": "Billing",
        "project_slug": "billing",
        "project_description": "Sends invoices.",
        "author_name": "Ada",
        "author_email": "ada@example.com",
        "use_redis": False,
        "use_rabbitmq": False,
        "ci_provider": "none",
        "python_version": "3.12",
        "license": "Apache-2.0",
    }


def test_wrong_answers_and_an_existing_folder_are_asked_again(command_line: CommandLine) -> None:
    """A wrong answer of the config file is named with the file, and its default is offered."""
    output = command_line.home.parent / "output"
    (output / "billing").mkdir(parents=True)
    command_line.configure({"project_name": "...", "python_version": "2.7"})
    lines = ("", "Billing", "", "Bad Slug", "invoices", "", "", "x", "", "maybe", "y", "n", "2", "")
    code, shown = type_at_a_terminal(command_line, output, *lines, "", "")
    assert code == 0, shown
    file = command_line.home / "config.yaml"
    messages = (
        f"project_name must contain a letter or a digit: enter some text. The answer is in {file}.",
        f"{output / 'billing'} already exists: choose another project_slug",
        "with a letter first: try 'bad-slug'.",
        "author_email is not an e-mail address",
        "use_redis must be yes or no.",
        f"python_version must be one of: 3.14, 3.13, 3.12, 3.11. The answer is in {file}.",
    )
    assert [message for message in messages if message not in shown] == []
    answers = answers_of(output / "invoices")
    assert answers["author_name"] == "The Billing team"
    assert answers["use_redis"] is True
    assert answers["python_version"] == "3.14"


def test_without_a_terminal_no_question_is_asked_twice(command_line: CommandLine) -> None:
    """A script that pipes its answers would wait or answer the wrong question."""
    output = command_line.home.parent / "output"
    done = command_line.cookiecutter(output, typed="...\nBilling\n")
    assert done.returncode == 1
    assert done.stdout.count("[1/10]") == 1
    assert "[2/10]" not in done.stdout
