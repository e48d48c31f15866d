"""Tests of the options: which answers they accept, from every source of answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cookiecutter.exceptions import FailedHookException

from needs_cookiecutter_2_7 import old_cookiecutter
from service_template.questions import CHOICES, YES_OR_NO, convert_choices
from service_template.rules import first_problem
from tests.conftest import ROOT

if TYPE_CHECKING:
    from pytest_cookies.plugin import Cookies

    from tests.conftest import CommandLine, Render

YES = [True, "yes", "Y", "true", "1", "on"]
NO = [False, "no", "N", "false", "0", "off"]
GARBAGE = {
    "use_redis": ["garbage", "", "2", "yes please"],
    "use_rabbitmq": ["garbage", "none", "-1"],
    "ci_provider": ["Jenkins", "", "0", "4", "github"],
    "python_version": ["2.7", "3.1", "3.10", "3", "4"],
    "license": ["GPL", "apache", "5"],
}
WRONG = [(name, value) for name, values in GARBAGE.items() for value in values]
REDIS = "src/wiring/cache_redis.py"
RABBITMQ = "src/wiring/messaging_rabbitmq.py"


@pytest.mark.parametrize("answer", [*YES, *NO])
def test_every_spelling_of_yes_and_no_is_understood(render: Render, answer: object) -> None:
    """The spellings are those of cookiecutter's own booleans."""
    service = render(use_redis=answer, use_rabbitmq=answer)
    assert (service / REDIS).exists() == (service / RABBITMQ).exists() == (answer in YES)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_choice_can_be_entered_by_its_number(number: int) -> None:
    answers: dict[str, object] = {"license": str(number)}
    convert_choices(answers)
    assert answers == {"license": CHOICES["license"][number - 1]}


@pytest.mark.parametrize(
    ("question", "answer"), [(name, value) for name in CHOICES for value in CHOICES[name]]
)
def test_a_choice_can_be_entered_in_capitals_or_small_letters(question: str, answer: str) -> None:
    spellings: list[dict[str, object]] = [{question: answer.upper()}, {question: answer.lower()}]
    for answers in spellings:
        convert_choices(answers)
    assert spellings == [{question: YES_OR_NO.get(answer, answer)}] * 2


@pytest.mark.parametrize("number", ["1", "2", "3", "4"])
def test_a_number_is_never_taken_for_the_place_of_a_python_version(number: str) -> None:
    """`3` would be 3.12, and `4` would be 3.11."""
    answers: dict[str, object] = {"python_version": number}
    convert_choices(answers)
    assert first_problem(answers)


@pytest.mark.parametrize(("question", "answer"), WRONG)
def test_a_wrong_option_on_the_command_line_is_reported_in_one_line(
    command_line: CommandLine, question: str, answer: str
) -> None:
    """There is no traceback, the exit code is 1, and no folder is written."""
    output = command_line.home.parent / "output"
    done = command_line.cookiecutter(output, "--no-input", f"{question}={answer}")
    assert done.returncode == 1
    [line] = (done.stdout + done.stderr).splitlines()
    assert line.startswith(f"{question} must be ")
    assert not output.exists()


def test_an_unknown_option_on_the_command_line_is_reported(command_line: CommandLine) -> None:
    """Cookiecutter alone would ignore a misspelt option and take its default."""
    output = command_line.home.parent / "output"
    done = command_line.cookiecutter(output, "--no-input", "use_reddis=no")
    assert done.returncode == 1
    [line] = (done.stdout + done.stderr).splitlines()
    assert line.startswith("use_reddis is not a question: use one of project_name, ")
    assert not output.exists()


@pytest.mark.parametrize("answer", ["garbage", None, 7, 0.5, {"yes": True}])
@pytest.mark.parametrize("question", CHOICES)
def test_a_wrong_option_in_a_config_file_is_reported_in_one_line(
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
def test_a_wrong_option_from_python_raises_an_exception_and_writes_no_file(
    cookies: Cookies, tmp_path: Path, question: str, answer: object
) -> None:
    result = cookies.bake(extra_context={question: answer}, template=str(ROOT))
    assert isinstance(result.exception, FailedHookException)
    assert str(result.exception).startswith(f"{question} must be ")
    assert not [path for path in tmp_path.rglob("*") if path.parent.name.startswith("bake")]


@pytest.mark.parametrize("answer", ["garbage", "", 1, None])
def test_a_replayed_option_that_is_not_a_boolean_is_rejected(
    command_line: CommandLine, answer: object
) -> None:
    """A replay skips the checks at the prompts, and any text would count as true."""
    output = command_line.home.parent / "output"
    assert command_line.cookiecutter(output, "--no-input").returncode == 0
    replay = json.loads(command_line.replay.read_text(encoding="utf-8"))
    replay["cookiecutter"].update(project_slug="elsewhere", use_redis=answer)
    command_line.replay.write_text(json.dumps(replay), encoding="utf-8")

    done = command_line.cookiecutter(output, "--replay")
    assert done.returncode == 1
    [line] = (done.stdout + done.stderr).splitlines()
    assert line == f"use_redis must be yes or no. The answer is in {command_line.replay}."
    assert [path.name for path in output.iterdir()] == ["user-service"]


def test_a_prompt_accepts_no_and_the_number_of_a_choice(command_line: CommandLine) -> None:
    output = command_line.home.parent / "output"
    done = command_line.cookiecutter(output, typed="\n" * 5 + "no\nn\n3\n\n2\n")
    assert done.returncode == 0, done.stdout + done.stderr
    service = output / "user-service"
    assert not (service / REDIS).exists()
    assert not (service / RABBITMQ).exists()
    assert "Apache License" in (service / "LICENSE").read_text(encoding="utf-8")


def test_an_unwritable_output_folder_is_reported_before_the_first_question(
    command_line: CommandLine, tmp_path: Path
) -> None:
    """A file is in the folder's place, or not even root can create folders there (/proc)."""
    (tmp_path / "file").touch()
    for place in (tmp_path / "file" / "deeper", Path("/proc/of-the-kernel")):
        done = command_line.cookiecutter(place, typed="\n" * 10)
        assert done.returncode == 1
        [line] = (done.stdout + done.stderr).splitlines()
        assert line.endswith("): choose another --output-dir.")
        assert line.startswith(f"Cannot write to {place.parent} (")
    assert (tmp_path / "file").read_bytes() == b""


@pytest.mark.parametrize("version", ["1.7.3", "2.6.0"])
def test_a_cookiecutter_older_than_2_7_is_too_old(version: str) -> None:
    problem = f"Cookiecutter {version} is too old for this template: install 2.7 or later."
    assert old_cookiecutter(version) == problem


@pytest.mark.parametrize("version", ["2.7.1", "2.10.0", "3.0.0rc1"])
def test_a_cookiecutter_of_2_7_or_later_is_accepted(version: str) -> None:
    assert old_cookiecutter(version) is None


def test_a_cookiecutter_that_is_too_old_writes_no_file(
    cookies: Cookies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cookiecutter.__version__", "2.6.0")
    result = cookies.bake(template=str(ROOT))
    assert isinstance(result.exception, FailedHookException)
    assert "Cookiecutter 2.6.0 is too old" in str(result.exception)
    assert not [path for path in tmp_path.rglob("*") if path.parent.name.startswith("bake")]
