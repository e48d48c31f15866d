"""Refusals before the first question: one line in every way in, and no file is written."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
from cookiecutter.exceptions import FailedHookException

from needs_cookiecutter_2_7 import OLDEST_COOKIECUTTER, old_python
from service_template.folders import replay_problem
from tests.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path
    from subprocess import CompletedProcess

    from pytest_cookies.plugin import Cookies

    from tests.conftest import CommandLine

CRUFT = (sys.executable, "-m", "cruft")


def refused(done: CompletedProcess[str], output: Path) -> str:
    """Return the only line of a refused render."""
    assert done.returncode == 1, done.stdout + done.stderr
    [line] = (done.stdout + done.stderr).splitlines()
    assert not output.exists()
    return line


@pytest.mark.parametrize("name", ["use_reddis", "__answers_are_text", "_choices", "_new_lines"])
def test_an_unknown_or_private_answer_from_python_is_refused(cookies: Cookies, name: str) -> None:
    """An override of `__answers_are_text` would render answers as templates."""
    answers = {name: "", "author_name": "{{ 7*7 }}"}
    result = cookies.bake(extra_context=answers, template=str(ROOT))
    assert isinstance(result.exception, FailedHookException)
    assert str(result.exception).startswith(f"{name} is not a question: use one of project_name, ")
    assert result.project_path is None


@pytest.mark.parametrize("answers", [{"use_reddis": False}, {"license": "GPL"}])
def test_cruft_refuses_wrong_and_unknown_answers_in_one_line(
    command_line: CommandLine, template_repository: Path, answers: dict[str, object]
) -> None:
    output = command_line.home.parent / "output"
    words = (*CRUFT, "create", template_repository, "--no-input", "--output-dir", output)
    done = command_line.run(*words, "--extra-context", json.dumps(answers))
    assert refused(done, output).startswith(next(iter(answers)))


@pytest.mark.parametrize(
    ("name", "close"),
    [("use_reddis", "use_redis"), ("licence", "license"), ("author_mail", "author_email")],
)
def test_a_misspelt_question_in_the_config_file_is_refused_and_named_with_the_file(
    command_line: CommandLine, name: str, close: str
) -> None:
    output = command_line.home.parent / "output"
    command_line.configure({name: "no"})
    line = refused(command_line.cookiecutter(output, "--no-input"), output)
    file = command_line.home / "config.yaml"
    assert line == f"{name} in {file} is not a question: did you mean {close}?"


def test_a_private_key_of_the_template_in_the_config_file_is_refused(
    command_line: CommandLine,
) -> None:
    output = command_line.home.parent / "output"
    command_line.configure({"__answers_are_text": ""})
    line = refused(command_line.cookiecutter(output, "--no-input"), output)
    file = command_line.home / "config.yaml"
    assert line == f"__answers_are_text in {file} is not a question: remove it."


def test_answers_for_other_templates_in_the_config_file_are_ignored(
    command_line: CommandLine,
) -> None:
    """Every template reads the same file."""
    output = command_line.home.parent
    others = {"full_name": "Ada", "email": "ada@example.com", "project_short_description": "x"}
    command_line.configure({**others, "_private_to_another": "x"})
    done = command_line.cookiecutter(output, "--no-input")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_misspelt_question_in_a_replay_file_is_refused(command_line: CommandLine) -> None:
    output = command_line.home.parent / "output"
    assert command_line.cookiecutter(output.parent, "--no-input").returncode == 0
    replay = command_line.home / "answers.json"
    text = command_line.replay.read_text(encoding="utf-8")
    replay.write_text(text.replace('"use_redis"', '"use_reddis"'), encoding="utf-8")
    done = command_line.cookiecutter(output, "--replay-file", str(replay), typed="no\n")
    assert done.returncode == 1
    message = f"use_reddis in {replay} is not a question: did you mean use_redis?"
    assert (done.stdout + done.stderr).splitlines()[-1].endswith(message)
    assert not output.exists()


def test_a_replay_of_an_earlier_version_asks_only_the_new_questions(
    command_line: CommandLine,
) -> None:
    """Cookiecutter asks them without the template's checks, which follow before the render."""
    output = command_line.home.parent
    assert command_line.cookiecutter(output / "first", "--no-input").returncode == 0
    context = json.loads(command_line.replay.read_text(encoding="utf-8"))
    for key in ("use_redis", "__check_use_redis"):
        del context["cookiecutter"][key]
    command_line.replay.write_text(json.dumps(context), encoding="utf-8")
    done = command_line.cookiecutter(output, "--replay", typed="maybe\n")
    assert done.returncode == 1
    message = f"use_redis must be yes or no. The answer is in {command_line.replay}.\n"
    assert done.stdout.endswith(message)
    command_line.replay.write_text(json.dumps(context), encoding="utf-8")
    done = command_line.cookiecutter(output, "--replay", typed="n\n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[1/1]" in done.stdout
    assert not (output / "user-service" / "src/wiring/cache_redis.py").exists()


@pytest.mark.parametrize("value", [[], ["x"], {}, {"x": "y"}])
@pytest.mark.parametrize("question", ["project_name", "author_email", "license"])
def test_a_list_or_a_mapping_in_the_config_file_is_refused_before_the_first_question(
    command_line: CommandLine, question: str, value: object
) -> None:
    output = command_line.home.parent / "output"
    command_line.configure({question: value})
    line = refused(command_line.cookiecutter(output, typed="\n" * 10), output)
    assert line.startswith(f"{question} must be ")
    assert line.endswith(f" The answer is in {command_line.home / 'config.yaml'}.")


def test_a_wrong_answer_in_the_config_file_is_refused_with_the_name_of_the_file(
    command_line: CommandLine,
) -> None:
    output = command_line.home.parent / "output"
    command_line.configure({"author_email": "ada"})
    line = refused(command_line.cookiecutter(output, "--no-input"), output)
    assert line == (
        "author_email is not an e-mail address: enter one like name@example.com, or nothing. "
        f"The answer is in {command_line.home / 'config.yaml'}."
    )


def test_a_wrong_answer_on_the_command_line_is_not_blamed_on_the_config_file(
    command_line: CommandLine,
) -> None:
    output = command_line.home.parent / "output"
    command_line.configure({"author_email": "ada"})
    done = command_line.cookiecutter(output, "--no-input", "author_email=ada")
    assert "config.yaml" not in refused(done, output)


def test_a_render_without_hooks_is_refused(command_line: CommandLine) -> None:
    """The files of unused options would stay, and there would be no .env."""
    output = command_line.home.parent / "output"
    done = command_line.cookiecutter(output, "--no-input", "--accept-hooks=no")
    assert refused(done, output) == (
        "The hooks of this template finish each service: leave out --accept-hooks."
    )


def test_a_replay_folder_without_the_right_to_write_is_refused_before_the_first_question(
    command_line: CommandLine,
) -> None:
    """Cookiecutter would end in a traceback after the last question."""
    output = command_line.home.parent / "output"
    (command_line.home / "file").touch()
    settings = {"replay_dir": str(command_line.home / "file" / "replay")}
    (command_line.home / "config.yaml").write_text(json.dumps(settings), encoding="utf-8")
    line = refused(command_line.cookiecutter(output, typed="\n" * 10), output)
    assert line.startswith(f"Cannot write to {command_line.home / 'file'} (")
    assert line.endswith(
        "where cookiecutter stores its replay files: set HOME to a folder that you can write to."
    )


def test_a_user_without_a_home_is_refused_before_the_first_question(
    command_line: CommandLine,
) -> None:
    """Python leaves the tilde in a path if it finds no home; a folder named ~ would be made."""
    output = command_line.home.parent / "output"
    settings = {"replay_dir": "~no-such-user/replay"}
    (command_line.home / "config.yaml").write_text(json.dumps(settings), encoding="utf-8")
    line = refused(command_line.cookiecutter(output, typed="\n" * 10), output)
    assert line == replay_problem("~/.cookiecutter_replay/")
    assert line == "HOME is not set, and cookiecutter stores its replay files there: set HOME."
    assert not [path for path in command_line.home.iterdir() if path.name.startswith("~")]


@pytest.mark.parametrize("version", ["2.7", "3.8", "3.10"])
def test_a_python_older_than_3_11_is_too_old(version: str) -> None:
    assert old_python(version) == (
        f"Python {version} is too old for this template: run cookiecutter on 3.11 or later, "
        "for example with `uvx --python 3.11 cookiecutter`."
    )


@pytest.mark.parametrize("version", ["3.11", "3.14", "4.0"])
def test_a_python_of_3_11_or_later_is_accepted(version: str) -> None:
    assert old_python(version) is None


def test_the_readme_names_the_oldest_versions() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "cookiecutter 2.7 or later on Python 3.11 or later" in readme


def test_the_first_extension_is_named_after_the_oldest_cookiecutter() -> None:
    """Cookiecutter 1 cannot load it: `No module named 'needs_cookiecutter_2_7'`."""
    first = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))["_extensions"][0]
    oldest = "_".join(map(str, OLDEST_COOKIECUTTER))
    assert first == f"needs_cookiecutter_{oldest}.CheckVersions"
