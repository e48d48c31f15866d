"""Renders over an existing service: no file of the owner is removed, and imports still work."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.test_hooks import files_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import CommandLine

OWN = (
    "src/repositories/rabbitmq/mine.py",
    "src/repositories/cache/redis/deeper/mine.py",
    ".github/CODEOWNERS",
    "docs/mine.md",
)


def rendered(command_line: CommandLine, *answers: str) -> Path:
    """Render a service."""
    output = command_line.home.parent / "output"
    done = command_line.cookiecutter(output, "--no-input", *answers)
    assert done.returncode == 0, done.stdout + done.stderr
    return output / "user-service"


@pytest.mark.parametrize("options", [("-f",), ("-f", "-s")], ids=" ".join)
@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("use_redis=yes", "use_redis=no", "use_redis must be yes"),
        ("use_redis=no", "use_redis=yes", "use_redis must be no"),
        ("use_rabbitmq=yes", "use_rabbitmq=no", "use_rabbitmq must be yes"),
        ("ci_provider=GitLab CI", "ci_provider=none", "ci_provider must be GitLab CI"),
    ],
)
def test_an_option_is_not_switched_by_a_render_over_a_service(
    command_line: CommandLine, options: tuple[str, ...], before: str, after: str, message: str
) -> None:
    """The owner's code may import the files of the option, so nothing is written or removed."""
    service = rendered(command_line, before)
    files = files_of(service)
    done = command_line.cookiecutter(service.parent, "--no-input", *options, after)
    assert done.returncode == 1
    [line] = (done.stdout + done.stderr).splitlines()
    start = re.escape(f"{message}, as {service} has ")
    assert re.fullmatch(
        rf"{start}\S+, which this render would remove\. "
        r"To switch an option, see docs/updating\.md of the template\.",
        line,
    )
    assert files_of(service) == files


@pytest.mark.parametrize("options", [("-f",), ("-f", "-s")], ids=" ".join)
def test_a_render_over_a_service_keeps_the_owners_files_in_the_folders_of_unused_options(
    command_line: CommandLine, options: tuple[str, ...]
) -> None:
    answers = ("use_redis=no", "use_rabbitmq=no", "ci_provider=none")
    service = rendered(command_line, *answers)
    for name in OWN:
        (service / name).parent.mkdir(parents=True, exist_ok=True)
        (service / name).write_text("mine\n", encoding="utf-8")
    (service / "src/config.py").write_text("# edited\n", encoding="utf-8")
    files = files_of(service)
    done = command_line.cookiecutter(service.parent, "--no-input", *options, *answers)
    assert done.returncode == 0, done.stdout + done.stderr
    after = files_of(service)
    assert after.keys() == files.keys()
    assert {name: after[name] for name in OWN} == {name: files[name] for name in OWN}
    is_kept = after["src/config.py"] == files["src/config.py"]
    assert is_kept == ("-s" in options)


def test_a_file_in_the_place_of_the_service_is_reported(command_line: CommandLine) -> None:
    output = command_line.home.parent / "output"
    output.mkdir()
    (output / "user-service").touch()
    done = command_line.cookiecutter(output, "--no-input", "-f")
    assert done.returncode == 1
    message = f"{output / 'user-service'} is not a folder: choose another project_slug.\n"
    assert done.stdout + done.stderr == message
