"""What a user may answer: any text works or is refused in one line, before anything is written."""

from __future__ import annotations

import json
import random
import re
import tomllib
from typing import TYPE_CHECKING

import pytest
import yaml
from cookiecutter.exceptions import FailedHookException
from rich.text import Text

from local_extensions import (
    CHOICES,
    QUESTIONS,
    RESERVED,
    RULES,
    default_slug,
    escaped,
    first_problem,
)
from tests.conftest import ROOT, SERVICE

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_cookies.plugin import Cookies

    from tests.conftest import CommandLine, Render

HOSTILE = [
    """Bob's "Best" \\ Service \\n \\u0041 '''x''' \"\"\"y\"\"\" """.strip(),
    "{{ 7*7 }} {% raw %} # {% if x %} {# gone? #} ${{ x }}",
    "<b>bold</b> [b]rich[/b] [x] & $(id) `id` ${HOME} %(x)s {0}",
    "Сервис пользователей ёЁ",
    "ユーザー　サービス",
    "Users 🚀 👩‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿 é",
    "خدمة المستخدم שירות می‌خواهم",
    "- yes: null # & * ! | > % @",
    "x" * 60,
]
CODE = "{{ cycler.__init__.__globals__.os.system('touch executed') }}"

WRONG = [
    ("project_name", "", "empty"),
    ("project_name", "   ", "empty"),
    ("project_name", " User", "blank"),
    ("project_name", "x" * 61, "61 characters"),
    ("project_name", "User\nService", "U+000A"),
    ("project_name", "User\tService", "U+0009"),
    ("project_name", "User\x7fService", "U+007F"),
    ("project_name", "User\u2028Service", "U+2028"),
    ("project_name", "User\u202eService", "U+202E"),
    ("project_name", "User\ufffeService", "U+FFFE"),
    ("project_name", "User\udcffService", "U+DCFF"),
    ("project_slug", "User-Service", "try 'user-service'"),
    ("project_slug", "user service", "try 'user-service'"),
    ("project_slug", "user.service", "try 'user-service'"),
    ("project_slug", "user_service", "try 'user-service'"),
    ("project_slug", "user--service", "try 'user-service'"),
    ("project_slug", "user-service-", "try 'user-service'"),
    ("project_slug", "user-service\n", "try 'user-service'"),
    ("project_slug", "-user-service", "try 'user-service'"),
    ("project_slug", "../user-service", "try 'user-service'"),
    ("project_slug", "3d-printing", "try 'service-3d-printing'"),
    ("project_slug", "сервис", "try 'servis'"),
    ("project_slug", "", "try 'my-service'"),
    ("project_slug", "a" * 41, "40 characters"),
    ("project_slug", "con", "Windows"),
    ("project_slug", "com1", "Windows"),
    ("project_slug", "fastapi", "try 'fastapi-service'"),
    ("project_slug", "starlette", "installs"),
    ("project_slug", "redis", "installs"),
    ("project_slug", "src", "folder"),
    ("project_slug", "tests", "folder"),
    ("project_slug", "amq", "RabbitMQ"),
    ("project_description", "x" * 201, "200"),
    ("project_description", "one\ntwo", "U+000A"),
    ("author_name", "", "empty"),
    ("author_name", "x" * 101, "100"),
    ("author_name", "Bell\a", "U+0007"),
    ("author_email", "", "name@example.com"),
    ("author_email", "nobody", "name@example.com"),
    ("author_email", "a@b@example.com", "name@example.com"),
    ("author_email", "a b@example.com", "name@example.com"),
    ("author_email", "a@example", "name@example.com"),
    ("author_email", "a@example..com", "name@example.com"),
    ("author_email", "A <a@example.com>", "name@example.com"),
    ("author_email", f"{'a' * 254}@example.com", "254"),
]


def assert_python_compiles(folder: Path) -> None:
    """Compile in memory: a __pycache__ in the template's folder would be rendered with it."""
    files = [*folder.rglob("*.py")]
    assert files
    for file in files:
        compile(file.read_bytes(), file, "exec")


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_arrives_intact_and_runs_nothing(command_line: CommandLine, text: str) -> None:
    """The three free-text answers hold it, and the service is still valid Python and TOML."""
    output = command_line.home.parent
    fields = ("project_name", "project_description", "author_name")
    done = command_line.cookiecutter(output, "--no-input", *(f"{field}={text}" for field in fields))
    assert done.returncode == 0, done.stdout + done.stderr

    service = output / default_slug(text)
    project = tomllib.loads((service / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["description"] == text
    assert text in (service / "LICENSE").read_text(encoding="utf-8")
    assert_python_compiles(service)


@pytest.mark.parametrize("way", ["command line", "config file", "prompt", "replay"])
def test_code_in_an_answer_is_text_whichever_way_it_comes(
    command_line: CommandLine, way: str
) -> None:
    """Cookiecutter would run it: on the command line, in a config file and in .cruft.json."""
    output = command_line.home.parent
    if way == "command line":
        done = command_line.cookiecutter(output, "--no-input", f"author_name={CODE}")
    elif way == "config file":
        command_line.configure({"author_name": CODE})
        done = command_line.cookiecutter(output, "--no-input")
    else:
        done = command_line.cookiecutter(output, typed=f"\n\n\n{CODE}\n" + "\n" * 6)
    if way == "replay":
        done = command_line.cookiecutter(output, "--replay", "--overwrite-if-exists")
    assert done.returncode == 0, done.stdout + done.stderr
    assert CODE in (output / "user-service" / "LICENSE").read_text(encoding="utf-8")
    assert not [*output.rglob("executed"), *ROOT.rglob("executed")]


@pytest.mark.parametrize(("question", "answer", "hint"), WRONG)
def test_a_wrong_answer_gets_one_line_that_helps(question: str, answer: str, hint: str) -> None:
    """It names the answer and says what to do, in plain ASCII, on any terminal."""
    problem = first_problem({question: answer})
    assert problem is not None
    assert problem.startswith(f"{question} ")
    assert hint in problem
    assert problem.isascii()
    assert problem.isprintable()
    assert len(problem) < 160


@pytest.mark.parametrize("answer", [None, True, 7, ["a"], {"a": "b"}])
@pytest.mark.parametrize("question", RULES)
def test_an_answer_of_another_type_is_refused(question: str, answer: object) -> None:
    """A config file or a Python caller can give anything."""
    if answer is True and CHOICES.get(question) == ["yes", "no"]:
        assert first_problem({question: answer}) is None
    else:
        assert first_problem({question: answer})


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("project_name", ""),
        ("project_slug", "User.Service"),
        ("project_slug", "redis"),
        ("project_slug", "../out"),
        ("project_slug", "a" * 41),
        ("project_description", "x" * 201),
        ("author_name", "one\ntwo"),
        ("author_email", "nobody"),
    ],
)
def test_a_wrong_answer_leaves_nothing_behind(
    cookies: Cookies, tmp_path: Path, question: str, answer: str
) -> None:
    """Neither a folder nor a file, and the caller of the Python API can catch it."""
    result = cookies.bake(extra_context={question: answer}, template=str(ROOT))
    assert isinstance(result.exception, FailedHookException)
    assert not [path for path in tmp_path.rglob("*") if path.parent.name.startswith("bake")]


@pytest.mark.parametrize(
    "wrong", ["project_name= ", "project_slug=Bad Slug", "author_name=a\nb", "author_email=x"]
)
def test_the_command_line_prints_that_line_alone(command_line: CommandLine, wrong: str) -> None:
    """No traceback, exit code 1, no folder."""
    output = command_line.home.parent / "output"
    done = command_line.cookiecutter(output, "--no-input", wrong)
    assert done.returncode == 1
    lines = (done.stdout + done.stderr).splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith(wrong.partition("=")[0])
    assert not output.exists()


def test_a_prompt_stops_at_the_first_wrong_answer(command_line: CommandLine) -> None:
    """Nobody has to answer seven questions to learn that the second was wrong."""
    output = command_line.home.parent / "output"
    done = command_line.cookiecutter(output, typed="My Users\nMy Users\n")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].endswith("try 'my-users'.")
    assert "[3/" not in done.stdout
    assert not output.exists()


@pytest.mark.parametrize(
    ("question", "answer"), [("project_slug", "../out"), ("license", "GPL"), ("author_name", "")]
)
def test_a_wrong_replay_is_refused_by_the_hook(
    command_line: CommandLine, question: str, answer: str
) -> None:
    """A replay skips the checks between the questions, so pre_gen_project makes them again."""
    output = command_line.home.parent / "output"
    assert command_line.cookiecutter(output, "--no-input").returncode == 0
    replay = json.loads(command_line.replay.read_text(encoding="utf-8"))
    replay["cookiecutter"].update({"project_slug": "elsewhere", question: answer})
    command_line.replay.write_text(json.dumps(replay), encoding="utf-8")

    done = command_line.cookiecutter(output, "--replay")
    assert done.returncode == 1
    assert done.stderr.startswith(f"{question} ")
    assert [path.name for path in output.iterdir()] == ["user-service"]


def test_a_folder_that_exists_is_left_alone(command_line: CommandLine) -> None:
    """It is told as soon as the name is known, not after the last question."""
    output = command_line.home.parent
    (output / "user-service").mkdir()
    (output / "a-link").symlink_to("nowhere")
    (output / "a-file").touch()
    for slug in ("user-service", "a-link", "a-file"):
        done = command_line.cookiecutter(output, typed=f"User Service\n{slug}\n")
        assert done.returncode == 1
        assert "[3/" not in done.stdout
        last = done.stdout.splitlines()[-1]
        assert f"{output / slug} already exists" in last
    assert not [*(output / "user-service").iterdir()]
    assert (output / "a-file").read_bytes() == b""


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("User Service", "user-service"),
        ("Сервис пользователей", "servis-polzovatelei"),
        ("ユーザー", "yusa"),
        ("3D Printing", "service-3d-printing"),
        ('Bob\'s "Café" & Co.', "bob-s-cafe-co"),
        ("Redis", "redis-service"),
        ("🚀", "my-service"),
        ("", "my-service"),
        ("A name that goes on and on for ever and ever", "a-name-that-goes-on-and-on-for-ever-and"),
    ],
)
def test_a_slug_is_derived_from_a_name_in_any_script(name: str, slug: str) -> None:
    """It reads like the name and is cut between words."""
    assert default_slug(name) == slug


def test_a_derived_slug_is_always_accepted() -> None:
    """For every reserved word and for names of any characters and length."""
    chance = random.Random(7)  # noqa: S311 -- the same names every time
    ranges = [(0x20, 0x7F), (0x20, 0x3FF), (0x20, 0xD7FF), (0x1F300, 0x1F6FF)]
    names = [
        "".join(chr(chance.randint(*chance.choice(ranges))) for _ in range(chance.randint(0, 70)))
        for _ in range(3000)
    ]
    names += [word for words in RESERVED.values() for word in words]
    wrong = [name for name in names if first_problem({"project_slug": default_slug(name)})]
    assert wrong == []


@pytest.mark.parametrize("text", [*HOSTILE, CODE])
def test_escaped_text_is_one_string_in_four_languages(text: str) -> None:
    """A file of the template writes it between double quotes and need not think of more."""
    quoted = f'"{escaped(text)}"'
    assert json.loads(quoted) == text
    assert yaml.safe_load(quoted) == text
    assert tomllib.loads(f"text = {quoted}") == {"text": text}
    scope: dict[str, str] = {}
    exec(f"text = {quoted}", scope)  # noqa: S102 -- the test is that Python reads the same text
    assert scope["text"] == text


def test_every_question_is_asked_in_plain_words_and_has_a_rule() -> None:
    """Rich drops `[x]` as markup, so compare what is shown with what is written."""
    asked = {key for key in QUESTIONS if not key.startswith("_")}
    assert asked == set(QUESTIONS["__prompts__"]) == set(RULES)
    for question, prompt in QUESTIONS["__prompts__"].items():
        assert Text.from_markup(prompt).plain == prompt
        choices = CHOICES.get(question, [])
        assert choices == ["yes", "no"] or [c for c in choices if c not in prompt] == []


def test_no_service_can_be_called_like_a_package_it_installs(render: Render) -> None:
    """Its name would shadow the package, and uv would find no solution."""
    project = tomllib.loads((render() / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project.get("dependency-groups", {}).values()
    needed = [*project["project"]["dependencies"], *(need for group in groups for need in group)]
    names = [re.split(r"[^\w.-]", need)[0].lower() for need in needed if isinstance(need, str)]
    assert names
    free = [name for name in names if not first_problem({"project_slug": name.replace("_", "-")})]
    assert free == []


@pytest.mark.parametrize("folder", [SERVICE, ROOT / "hooks"])
def test_the_python_of_the_template_is_valid_before_it_is_rendered(folder: Path) -> None:
    """Answers stand inside strings and conditions inside comments."""
    assert_python_compiles(folder)
