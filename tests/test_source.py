"""The template's files before they are rendered."""

from __future__ import annotations

import ast
import re
import tomllib
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.conftest import SERVICE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Render

FILE_LINES = 150
FUNCTION_LINES = 25
# Never raised: docs/adr/0009-the-budget-of-lines.md.
STATEMENTS = 2_420
CONSTRUCTOR_ARGUMENTS = 4
CONDITIONS = 10

# Paths that are fixed for users.
FIXED = (
    "src/api",
    "src/config.py",
    "src/container.py",
    "src/repositories",
    "src/usecases",
    "src/utils",
    "src/main.py",
    "src/consume_worker.py",
    "alembic.ini",
    "docker-compose.yml",
    ".env.example",
)

FILES = sorted(path for path in SERVICE.rglob("*") if path.is_file())
PYTHON = [path for path in FILES if path.suffix == ".py"]
SOURCES = [path for path in PYTHON if path.is_relative_to(SERVICE / "src")]


def name(path: Path) -> str:
    """Return a file's path within the service."""
    return str(path.relative_to(SERVICE))


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Return each function of a file with the number of its lines, without the docstring."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            yield node.name, (node.end_lineno or 0) - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("path", FIXED)
def test_a_promised_path_exists(path: str) -> None:
    assert (SERVICE / path).exists()


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_python_code_is_valid_before_it_is_rendered(path: Path) -> None:
    """So an editor, a type checker and a formatter can read it."""
    compile(path.read_text(encoding="utf-8"), name(path), "exec")


def test_toml_and_yaml_files_are_valid_before_they_are_rendered() -> None:
    toml = [path for path in FILES if path.suffix == ".toml"]
    documents = [path for path in FILES if path.suffix in {".yml", ".yaml"}]
    assert toml
    assert documents
    for path in toml:
        tomllib.loads(path.read_text(encoding="utf-8"))
    for path in documents:
        yaml.compose(
            path.read_text(encoding="utf-8")
        )  # `compose` accepts the tags of Docker Compose


def test_python_code_has_jinja_expressions_in_strings_only() -> None:
    for path in PYTHON:
        outside = re.sub(r'"[^"\n]*"', "", path.read_text(encoding="utf-8"))
        assert "{{" not in outside, name(path)


def test_python_code_has_at_most_ten_jinja_conditions() -> None:
    """An option selects files, not lines."""
    conditions = [
        line for path in PYTHON for line in path.read_text().splitlines() if "{% if" in line
    ]
    assert len(conditions) <= CONDITIONS


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_files_have_at_most_150_lines_and_functions_at_most_25(path: Path) -> None:
    # Count the lines that a service with all options has.
    text = re.sub(r"(?s)# \{% else %\}.*?(?=# \{% endif)", "", path.read_text(encoding="utf-8"))
    assert len([line for line in text.splitlines() if "# {%" not in line]) <= FILE_LINES
    long = [function for function, lines in functions(path) if lines > FUNCTION_LINES]
    assert not long


def statements(path: Path) -> int:
    """Count a file's statements (logical lines), without docstrings."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return sum(
        isinstance(node, ast.stmt)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in nodes
    )


def test_the_service_with_all_options_stays_within_its_budget_of_statements(render: Render) -> None:
    sources = (render() / "src").rglob("*.py")
    assert sum(map(statements, sources)) <= STATEMENTS


def test_a_use_case_has_at_most_four_dependencies() -> None:
    """A use case that needs more should be two."""
    for path in (SERVICE / "src" / "usecases").glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                fields = [child for child in node.body if isinstance(child, ast.AnnAssign)]
                assert len(fields) <= CONSTRUCTOR_ARGUMENTS, f"{name(path)}: {node.name}"
