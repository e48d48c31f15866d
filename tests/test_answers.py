"""Tests of the answers: valid text is rendered unchanged, and any other is rejected in one line."""

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

from service_template.filters import escaped
from service_template.questions import CHOICES, QUESTIONS
from service_template.rules import RULES, first_problem
from service_template.slugs import RESERVED, default_slug
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
    ("project_name", " User", "space"),
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
    ("project_slug", "a" * 41, "at most 40"),
    ("project_slug", "con", "Windows"),
    ("project_slug", "com1", "Windows"),
    ("project_slug", "fastapi", "try 'fastapi-service'"),
    ("project_slug", "pg-backups", "try 'service-pg-backups'"),
    ("project_slug", "public", "try 'public-service'"),
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
    ("project_name", "...", "letter"),
    ("project_name", "User\u3164Service", "U+3164"),
    ("project_description", "---", "letter"),
    ("project_description", "\u2800", "U+2800"),
    ("author_name", "-", "letter"),
    ("author_name", "\u200d", "letter"),
    ("author_email", "-@example.com", "name@example.com"),
    ("author_email", "a@-.-", "name@example.com"),
    ("author_email", "a@example.c", "name@example.com"),
    ("author_email", "a@example.-com", "name@example.com"),
    ("author_email", "a@example-.com", "name@example.com"),
    ("author_email", ".a@example.com", "name@example.com"),
    ("author_email", "a..b@example.com", "name@example.com"),
    ("author_email", "a@127.0.0.1", "name@example.com"),
    ("author_email", "example.com", "name@example.com"),
    ("author_email", "a@b@example.com", "name@example.com"),
    ("author_email", "a b@example.com", "name@example.com"),
    ("author_email", "a@example", "name@example.com"),
    ("author_email", "a@example..com", "name@example.com"),
    ("author_email", "A <a@example.com>", "name@example.com"),
    ("author_email", f"{'a' * 254}@example.com", "254"),
]


def assert_python_compiles(folder: Path) -> None:
    """Compile in memory: a __pycache__ folder in the template would be rendered with it."""
    files = [*folder.rglob("*.py")]
    assert files
    for file in files:
        compile(file.read_bytes(), file, "exec")


@pytest.mark.parametrize("text", HOSTILE)
def test_free_text_is_rendered_unchanged(command_line: CommandLine, text: str) -> None:
    """All three free-text answers keep the text, and the service is still valid Python and TOML."""
    output = command_line.home.parent
    fields = ("project_name", "project_description", "author_name")
    done = command_line.cookiecutter(output, "--no-input", *(f"{field}={text}" for field in fields))
    assert done.returncode == 0, done.stdout + done.stderr

    service = output / default_slug(text)
    project = tomllib.loads((service / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["description"] == text
    assert text in (service / "LICENSE").read_text(encoding="utf-8")
    assert_python_compiles(service)


@pytest.mark.parametrize("source", ["command line", "config file", "prompt", "replay"])
def test_code_in_an_answer_is_never_executed(command_line: CommandLine, source: str) -> None:
    """Cookiecutter alone would execute it from a command line, a config file or .cruft.json."""
    output = command_line.home.parent
    if source == "command line":
        done = command_line.cookiecutter(output, "--no-input", f"author_name={CODE}")
    elif source == "config file":
        command_line.configure({"author_name": CODE})
        done = command_line.cookiecutter(output, "--no-input")
    else:
        done = command_line.cookiecutter(output, typed=f"\n\n\n{CODE}\n" + "\n" * 6)
    if source == "replay":
        done = command_line.cookiecutter(output, "--replay", "--overwrite-if-exists")
    assert done.returncode == 0, done.stdout + done.stderr
    assert CODE in (output / "user-service" / "LICENSE").read_text(encoding="utf-8")
    assert not [*output.rglob("executed"), *ROOT.rglob("executed")]


@pytest.mark.parametrize(("question", "answer", "hint"), WRONG)
def test_a_wrong_answer_gets_one_line_with_a_hint(question: str, answer: str, hint: str) -> None:
    """The line names the question and says what to do, in ASCII for any terminal."""
    problem = first_problem({question: answer})
    assert problem is not None
    assert problem.startswith(f"{question} ")
    assert hint in problem
    assert problem.isascii()
    assert problem.isprintable()
    assert len(problem) < 160


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a@b.co",
        "ada.lovelace+x@mail.example.com",
        "ада@почта.рф",
        "a@xn--80a.xn--p1ai",
        "7@7.de",
    ],
)
def test_an_e_mail_address_in_any_script_is_accepted(address: str) -> None:
    """The owner may leave the address out."""
    assert first_problem({"author_email": address}) is None


@pytest.mark.parametrize("answer", [None, True, 7, ["a"], {"a": "b"}])
@pytest.mark.parametrize("question", RULES)
def test_an_answer_that_is_not_text_is_rejected(question: str, answer: object) -> None:
    """A config file or a call from Python can contain any type; True is a valid yes."""
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
        ("author_email", "example.com"),
    ],
)
def test_a_wrong_answer_from_python_raises_an_exception_and_writes_no_file(
    cookies: Cookies, tmp_path: Path, question: str, answer: str
) -> None:
    result = cookies.bake(extra_context={question: answer}, template=str(ROOT))
    assert isinstance(result.exception, FailedHookException)
    assert not [path for path in tmp_path.rglob("*") if path.parent.name.startswith("bake")]


@pytest.mark.parametrize(
    "wrong", ["project_name= ", "project_slug=Bad Slug", "author_name=a\nb", "author_email=x"]
)
def test_a_wrong_answer_on_the_command_line_prints_one_line_and_no_traceback(
    command_line: CommandLine, wrong: str
) -> None:
    """The exit code is 1, and no folder is written."""
    output = command_line.home.parent / "output"
    done = command_line.cookiecutter(output, "--no-input", wrong)
    assert done.returncode == 1
    lines = (done.stdout + done.stderr).splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith(wrong.partition("=")[0])
    assert not output.exists()


def test_the_prompts_stop_at_the_first_wrong_answer(command_line: CommandLine) -> None:
    """The third question is not asked after a wrong second answer."""
    output = command_line.home.parent / "output"
    done = command_line.cookiecutter(output, typed="My Users\nMy Users\n")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].endswith("try 'my-users'.")
    assert "[3/" not in done.stdout
    assert not output.exists()


@pytest.mark.parametrize(
    ("question", "answer"), [("project_slug", "../out"), ("license", "GPL"), ("author_name", "")]
)
def test_a_wrong_answer_in_a_replay_gets_one_line_that_names_the_file(
    command_line: CommandLine, question: str, answer: str
) -> None:
    """A replay skips the checks at the prompts, so they run again before the render."""
    output = command_line.home.parent / "output"
    assert command_line.cookiecutter(output, "--no-input").returncode == 0
    replay = json.loads(command_line.replay.read_text(encoding="utf-8"))
    replay["cookiecutter"].update({"project_slug": "elsewhere", question: answer})
    command_line.replay.write_text(json.dumps(replay), encoding="utf-8")

    done = command_line.cookiecutter(output, "--replay")
    assert done.returncode == 1
    [line] = (done.stdout + done.stderr).splitlines()
    assert line.startswith(f"{question} ")
    assert line.endswith(f" The answer is in {command_line.replay}.")
    assert [path.name for path in output.iterdir()] == ["user-service"]


def test_an_existing_output_path_is_reported_and_stays_unchanged(command_line: CommandLine) -> None:
    """The report comes right after the slug is entered, before the third question."""
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
    """The slug reads like the name and is cut between words."""
    assert default_slug(name) == slug


def test_every_derived_slug_is_valid() -> None:
    """Names: every reserved word, and random characters of random length."""
    chance = random.Random(7)  # noqa: S311 -- the seed makes the same names in each run
    ranges = [(0x20, 0x7F), (0x20, 0x3FF), (0x20, 0xD7FF), (0x1F300, 0x1F6FF)]
    names = [
        "".join(chr(chance.randint(*chance.choice(ranges))) for _ in range(chance.randint(0, 70)))
        for _ in range(3000)
    ]
    names += [word for words in RESERVED.values() for word in words]
    names += ["pg", "pg-backups", "pg " + "backups " * 6]
    wrong = [name for name in names if first_problem({"project_slug": default_slug(name)})]
    assert wrong == []


@pytest.mark.parametrize("text", [*HOSTILE, CODE])
def test_escaped_text_is_the_same_string_in_json_yaml_toml_and_python(text: str) -> None:
    """A file of the template only has to put double quotes around it."""
    quoted = f'"{escaped(text)}"'
    assert json.loads(quoted) == text
    assert yaml.safe_load(quoted) == text
    assert tomllib.loads(f"text = {quoted}") == {"text": text}
    scope: dict[str, str] = {}
    exec(f"text = {quoted}", scope)  # noqa: S102 -- Python must read the same text
    assert scope["text"] == text


def test_every_question_has_a_readable_prompt_and_a_rule() -> None:
    """Rich removes `[x]` as markup, so the displayed prompt is compared with the written one."""
    asked = {key for key in QUESTIONS if not key.startswith("_")}
    assert asked == set(QUESTIONS["__prompts__"]) == set(RULES)
    for question, prompt in QUESTIONS["__prompts__"].items():
        assert Text.from_markup(prompt).plain == prompt
        assert f"__check_{question}" in QUESTIONS
        choices = CHOICES.get(question, [])
        assert choices == ["yes", "no"] or [c for c in choices if c not in prompt] == []


def test_a_service_cannot_have_the_name_of_a_package_that_it_installs(render: Render) -> None:
    """Otherwise the project would shadow the package, and uv could not resolve the dependencies."""
    project = tomllib.loads((render() / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project.get("dependency-groups", {}).values()
    needed = [*project["project"]["dependencies"], *(need for group in groups for need in group)]
    names = [re.split(r"[^\w.-]", need)[0].lower() for need in needed if isinstance(need, str)]
    assert names
    free = [name for name in names if not first_problem({"project_slug": name.replace("_", "-")})]
    assert free == []


@pytest.mark.parametrize("folder", [SERVICE, ROOT / "hooks"])
def test_the_python_of_the_template_is_valid_before_it_is_rendered(folder: Path) -> None:
    """Answers are inside strings, and conditions are comments."""
    assert_python_compiles(folder)
