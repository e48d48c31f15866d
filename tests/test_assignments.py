"""Tests that each assignment binds one value: docs/adr/0009-the-budget-of-lines.md.

Allowed are unpacking (`a, b = pair`) and swapping (`a, b = b, a`).
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

FOLDERS = ("bench", "hooks", "tests", "tools")


def is_chained(node: ast.Assign) -> bool:
    """Return True for `a = b = x`."""
    return len(node.targets) > 1


def is_parallel(node: ast.Assign) -> bool:
    """Return True for `a, b = x, y`, but not for a swap."""
    target = node.targets[0]
    value = node.value
    if not isinstance(target, ast.Tuple | ast.List) or not isinstance(value, ast.Tuple | ast.List):
        return False
    return set(map(ast.unparse, target.elts)) != set(map(ast.unparse, value.elts))


def violations(folder: Path, files: list[Path]) -> list[str]:
    """Return the file and line of each chained or parallel assignment."""
    return [
        f"{path.relative_to(folder)}:{node.lineno}"
        for path in files
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Assign) and (is_chained(node) or is_parallel(node))
    ]


@pytest.mark.parametrize("code", ["a = b = x", "a, b = x, y", "a, b = b, x", "a.b, c = x, y"])
def test_chained_and_parallel_assignments_are_found(tmp_path: Path, code: str) -> None:
    (tmp_path / "file.py").write_text(code, encoding="utf-8")
    assert violations(tmp_path, [tmp_path / "file.py"]) == ["file.py:1"]


@pytest.mark.parametrize("code", ["a, b = b, a", "a, b = pair", "[a] = x", "a = x, y"])
def test_swapping_and_unpacking_are_allowed(tmp_path: Path, code: str) -> None:
    (tmp_path / "file.py").write_text(code, encoding="utf-8")
    assert violations(tmp_path, [tmp_path / "file.py"]) == []


def test_a_service_has_no_chained_or_parallel_assignment(extreme_service: Path) -> None:
    assert violations(extreme_service, [*extreme_service.rglob("*.py")]) == []


def test_the_template_has_no_chained_or_parallel_assignment() -> None:
    files = [*ROOT.glob("*.py")]
    for folder in FOLDERS:
        files += (ROOT / folder).rglob("*.py")
    assert violations(ROOT, files) == []
