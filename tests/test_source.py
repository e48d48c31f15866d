"""The template's files before they are rendered. tests/test_budgets.py limits their size."""

from __future__ import annotations

import ast
import re
import tomllib
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.conftest import ROOT, SERVICE

if TYPE_CHECKING:
    from pathlib import Path

# Lines of Python that an option switches. An option selects files, so there are few.
CONDITIONS = 6

# Paths, classes and methods that are fixed for users.
FIXED_PATHS = (
    "src/api",
    "src/config.py",
    "src/container.py",
    "src/repositories",
    "src/usecases",
    "src/utils",
    "src/utils/security",
    "src/main.py",
    "src/consume_worker.py",
    "alembic.ini",
    "docker-compose.yml",
    ".env.example",
)
FIXED_NAMES = {
    "DBUserRepository",
    "DBUserRepository.create_user",
    "DBUserRepository.update_user_password",
    "DBUserRepository._invalidate_user_cache",
    "AuthenticationError",
    "NotFoundDatabaseError",
}
FIXED_SERVICES = {"micro_service", "consume_worker", "db", "redis", "rabbitmq"}

FILES = sorted(path for path in SERVICE.rglob("*") if path.is_file())
PYTHON = [path for path in FILES if path.suffix == ".py"]
SOURCES = [path for path in PYTHON if path.is_relative_to(SERVICE / "src")]
RENDERED = [*PYTHON, *(ROOT / "hooks").glob("*.py")]


def name(path: Path) -> str:
    """Return a file's path within the service."""
    return str(path.relative_to(SERVICE))


@pytest.mark.parametrize("path", FIXED_PATHS)
def test_a_promised_path_exists(path: str) -> None:
    assert (SERVICE / path).exists()


def test_every_promised_class_and_method_exists() -> None:
    names = set()
    for path in SOURCES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                functions = (ast.FunctionDef, ast.AsyncFunctionDef)
                methods = {it.name for it in node.body if isinstance(it, functions)}
                names |= {node.name, *(f"{node.name}.{method}" for method in methods)}
    assert names >= FIXED_NAMES


def test_every_promised_compose_service_exists() -> None:
    text = (SERVICE / "docker-compose.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"(?m)^  (\w+):$", text)) >= FIXED_SERVICES


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


def test_all_python_code_together_has_at_most_six_jinja_conditions() -> None:
    """An option selects files, not lines."""
    texts = [path.read_text(encoding="utf-8") for path in RENDERED]
    conditions = [tag for text in texts for tag in re.findall(r"\{%\W*(?:if|elif)\b", text)]
    assert 0 < len(conditions) <= CONDITIONS
