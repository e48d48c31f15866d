"""Tests of the budgets of a rendered service: docs/adr/0009-the-budget-of-lines.md."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE_LINES = 150
FUNCTION_LINES = 25
DEPENDENCIES = 4
YOURS_LINES = 2_000
MACHINERY_LINES = 6_100
SETTINGS = 60
README_LINES = 150

YOURS = ("domain", "usecases", "api/routes", "api/schemas", "consumers")
MACHINERY = ("api", "repositories", "utils", "wiring")
ENTRY_POINTS = {
    "__init__.py",
    "config.py",
    "consume_worker.py",
    "container.py",
    "main.py",
    "manage.py",
}


@pytest.fixture
def service(extreme_service: Path) -> Path:
    """Measure the largest and the smallest service."""
    return extreme_service


def sources(service: Path) -> list[Path]:
    """Return every Python file of `src`."""
    return sorted((service / "src").rglob("*.py"))


def parse(path: Path) -> ast.Module:
    """Parse a Python file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def count_lines(path: Path) -> int:
    """Count all lines of a file: code, comments, docstrings and blank lines."""
    return len(path.read_text(encoding="utf-8").splitlines())


def total_lines(service: Path, owner: str) -> int:
    """Count the lines of all files of an owner."""
    src = service / "src"
    files = (path for path in sources(service) if owner_of(path.relative_to(src)) == owner)
    return sum(map(count_lines, files))


def owner_of(path: Path) -> str:
    """Return the owner of a file of `src`: yours, machinery, entry points or unknown."""
    if str(path) in ENTRY_POINTS:
        return "entry points"
    folders = {str(folder) for folder in path.parents}
    if folders.intersection(YOURS) or path.parent == Path("repositories"):
        return "yours"
    return "machinery" if folders.intersection(MACHINERY) else "unknown"


def function_lines(path: Path) -> Iterator[tuple[str, int]]:
    """Return the name of each function in a file and the lines of its body without docstring."""
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            yield node.name, (node.end_lineno or 0) - body[0].lineno + 1 if body else 0


def method_name(node: ast.stmt) -> str:
    """Return the name of a method, or an empty text for any other statement."""
    return node.name if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef) else ""


def dependencies(use_case: ast.ClassDef) -> int:
    """Count the fields of a dataclass and the parameters of `__init__`."""
    count = sum(isinstance(node, ast.AnnAssign) for node in use_case.body)
    for node in use_case.body:
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            count += len(node.args.args) + len(node.args.kwonlyargs) - 1
    return count


def settings(service: Path) -> set[str]:
    """Return the variables that the settings classes of a service read.

    A settings class has an `env_prefix`. It also has the fields of its base classes.
    """
    files = map(parse, sources(service))
    nodes = [node for file in files for node in ast.walk(file)]
    classes = {node.name: node for node in nodes if isinstance(node, ast.ClassDef)}
    variables = set()
    for node in classes.values():
        for keyword in node.keywords:
            if keyword.arg == "env_prefix":
                prefix = ast.literal_eval(keyword.value)
                variables |= {f"{prefix}{name}".upper() for name in fields(node, classes)}
    return variables


def fields(node: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> set[str]:
    """Return the fields of a class and its base classes, except those with an alias."""
    names = set()
    for child in node.body:
        if isinstance(child, ast.AnnAssign) and "validation_alias" not in ast.dump(child):
            names.add(ast.unparse(child.target))
    for base in map(ast.unparse, node.bases):
        if base in classes:
            names |= fields(classes[base], classes)
    return names


def test_each_file_of_src_has_at_most_150_lines(service: Path) -> None:
    lengths = {str(path.relative_to(service)): count_lines(path) for path in sources(service)}
    assert {path: lines for path, lines in lengths.items() if lines > FILE_LINES} == {}


def test_each_function_of_src_has_at_most_25_lines(service: Path) -> None:
    lengths = {
        f"{path.relative_to(service)}: {name}": lines
        for path in sources(service)
        for name, lines in function_lines(path)
    }
    assert {name: lines for name, lines in lengths.items() if lines > FUNCTION_LINES} == {}


def test_each_use_case_has_at_most_four_dependencies(service: Path) -> None:
    """A use case is a class in `usecases` with a method `execute`."""
    counts = {}
    for path in (service / "src" / "usecases").rglob("*.py"):
        for node in parse(path).body:
            if isinstance(node, ast.ClassDef) and "execute" in map(method_name, node.body):
                counts[node.name] = dependencies(node)
    assert counts
    assert {name: count for name, count in counts.items() if count > DEPENDENCIES} == {}


def test_each_file_of_src_is_yours_machinery_or_an_entry_point(service: Path) -> None:
    """A file in another place would escape the budgets."""
    paths = [path.relative_to(service / "src") for path in sources(service)]
    assert [str(path) for path in paths if owner_of(path) == "unknown"] == []


def test_the_code_that_a_team_edits_has_at_most_2000_lines(service: Path) -> None:
    assert 0 < total_lines(service, "yours") <= YOURS_LINES


def test_the_machinery_has_at_most_6100_lines(service: Path) -> None:
    assert 0 < total_lines(service, "machinery") <= MACHINERY_LINES


def test_a_service_has_at_most_60_settings(service: Path) -> None:
    variables = settings(service)
    assert {"APP_NAME", "POSTGRES_HOST", "SECURITY_SECRET_KEY"} <= variables
    assert len(variables) <= SETTINGS


def test_the_readme_of_a_service_has_at_most_150_lines(service: Path) -> None:
    assert count_lines(service / "README.md") <= README_LINES
