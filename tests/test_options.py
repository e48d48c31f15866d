"""The options: what answers they take, in every way in which answers come."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cookiecutter.exceptions import FailedHookException

from local_extensions import CHOICES, old_cookiecutter
from tests.conftest import ROOT

if TYPE_CHECKING:
    from pytest_cookies.plugin import Cookies

    from tests.conftest import CommandLine, Render

YES = [True, "yes", "Y", "true", "1", "on"]
NO = [False, "no", "N", "false", "0", "off"]
GARBAGE = {
    "use_redis": ["garbage", "", "2", "yes please"],
    "use_rabbitmq": ["garbage", "none", "-1"],
    "ci_provider": ["Jenkins", "", "0", "4", "github actions"],
    "python_version": ["2.7", "3.1", "3.10", "5"],
    "license": ["GPL", "mit", "5"],
}
WRONG = [(name, value) for name, values in GARBAGE.items() for value in values]
REDIS, RABBITMQ = "src/wiring/cache_redis.py", "src/wiring/messaging_rabbitmq.py"


@pytest.mark.parametrize("answer", [*YES, *NO])
def test_yes_and_no_are_understood_in_every_spelling_of_cookiecutter(
    render: Render, answer: object
) -> None:
    """None of them, not even '0', is taken for its opposite."""
    service = render(use_redis=answer, use_rabbitmq=answer)
    assert (service / REDIS).exists() == (service / RABBITMQ).exists() == (answer in YES)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_choice_can_be_given_by_its_number(render: Render, number: int) -> None:
    service = render(python_version=str(number))
    version = CHOICES["python_version"][number - 1]
    assert f"FROM python:{version}-slim" in (service / "Dockerfile").read_text(encoding="utf-8")


@pytest.mark.parametrize(("question", "answer"), WRONG)
def test_a_wrong_option_on_the_command_line_gets_one_line(
    command_line: CommandLine, question: str, answer: str
) -> None:
    """No traceback, exit code 1, no folder."""
    output = command_line.home.parent / "output"
    done = command_line.cookiecutter(output, "--no-input", f"{question}={answer}")
    assert done.returncode == 1
    [line] = (done.stdout + done.stderr).splitlines()
    assert line.startswith(f"{question} must be ")
    assert not output.exists()


def test_an_answer_to_no_question_is_told_on_the_command_line(command_line: CommandLine) -> None:
    """A misspelt option would be passed over, and its default taken."""
    output = command_line.home.parent / "output"
    done = command_line.cookiecutter(output, "--no-input", "use_reddis=no")
    assert done.returncode == 1
    [line] = (done.stdout + done.stderr).splitlines()
    assert line.startswith("use_reddis is no question: there are project_name, ")
    assert not output.exists()


@pytest.mark.parametrize("answer", ["garbage", None, 7, 0.5, {"yes": True}])
@pytest.mark.parametrize("question", CHOICES)
def test_a_wrong_option_in_a_config_file_gets_one_line(
    command_line: CommandLine, question: str, answer: object
) -> None:
    output = command_line.home.parent / "output"
    command_line.configure({question: answer})
    done = command_line.cookiecutter(output, "--no-input")
    assert done.returncode == 1
    [line] = (done.stdout + done.stderr).splitlines()
    assert line.startswith(f"{question} must be ")
    assert not output.exists()


@pytest.mark.parametrize("answer", ["garbage", None, 7, {"yes": True}])
@pytest.mark.parametrize("question", CHOICES)
def test_a_wrong_option_from_python_can_be_caught(
    cookies: Cookies, tmp_path: Path, question: str, answer: object
) -> None:
    result = cookies.bake(extra_context={question: answer}, template=str(ROOT))
    assert isinstance(result.exception, FailedHookException)
    assert str(result.exception).startswith(f"{question} must be ")
    assert not [path for path in tmp_path.rglob("*") if path.parent.name.startswith("bake")]


@pytest.mark.parametrize("answer", ["True", "no", 1, None])
def test_a_replay_whose_option_is_no_boolean_is_refused_by_the_hook(
    command_line: CommandLine, answer: object
) -> None:
    """A replay skips the checks between the questions, and `no` would count as yes."""
    output = command_line.home.parent / "output"
    assert command_line.cookiecutter(output, "--no-input").returncode == 0
    replay = json.loads(command_line.replay.read_text(encoding="utf-8"))
    replay["cookiecutter"].update(project_slug="elsewhere", use_redis=answer)
    command_line.replay.write_text(json.dumps(replay), encoding="utf-8")

    done = command_line.cookiecutter(output, "--replay")
    assert done.returncode == 1
    assert done.stderr.startswith("use_redis must be yes or no.")
    assert [path.name for path in output.iterdir()] == ["user-service"]


def test_a_prompt_takes_no_and_a_number(command_line: CommandLine) -> None:
    output = command_line.home.parent / "output"
    done = command_line.cookiecutter(output, typed="\n" * 5 + "no\nn\n3\n\n2\n")
    assert done.returncode == 0, done.stdout + done.stderr
    service = output / "user-service"
    assert not (service / REDIS).exists()
    assert not (service / RABBITMQ).exists()
    assert "Apache License" in (service / "LICENSE").read_text(encoding="utf-8")


def test_a_folder_in_which_nothing_can_be_written_is_told_before_the_first_question(
    command_line: CommandLine, tmp_path: Path
) -> None:
    """A file in the folder's place, and a file system that takes no folders, even of root."""
    (tmp_path / "file").touch()
    for place in (tmp_path / "file" / "deeper", Path("/proc/of-the-kernel")):
        done = command_line.cookiecutter(place, typed="\n" * 10)
        assert done.returncode == 1
        [line] = (done.stdout + done.stderr).splitlines()
        assert line.startswith(f"Nothing can be written to {place.parent}: ")
    assert (tmp_path / "file").read_bytes() == b""


@pytest.mark.parametrize(
    ("version", "is_old"),
    [("2.6.0", True), ("1.7.3", True), ("2.7.1", False), ("2.10.0", False), ("3.0.0rc1", False)],
)
def test_an_old_cookiecutter_is_refused_by_name(version: str, *, is_old: bool) -> None:
    problem = old_cookiecutter(version)
    assert (problem is not None) == is_old
    assert problem is None or f"cookiecutter 2.7 or later, and this is {version}" in problem


def test_an_old_cookiecutter_writes_nothing(
    cookies: Cookies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cookiecutter.__version__", "2.6.0")
    result = cookies.bake(template=str(ROOT))
    assert isinstance(result.exception, FailedHookException)
    assert "needs cookiecutter 2.7" in str(result.exception)
    assert not [path for path in tmp_path.rglob("*") if path.parent.name.startswith("bake")]
