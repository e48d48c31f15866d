"""docs/security.md names a file and a test for each rule, and both exist."""

import ast
import re

import pytest

from src.utils.settings import ROOT

PAGE = (ROOT / "docs/security.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (.+) \| `(\S+)` \| `(\S+)::(\S+)` \|$", PAGE, re.MULTILINE)


def test_the_security_page_names_a_file_and_a_test_for_every_rule() -> None:
    rules = PAGE.partition("## The rules")[2].partition("\n## ")[0]
    lines = [line for line in rules.splitlines() if line.startswith("|")][2:]
    assert len(lines) == len(ROWS) > 30


@pytest.mark.parametrize(("rule", "where", "file", "test"), ROWS, ids=[row[3] for row in ROWS])
def test_the_file_and_the_test_of_a_security_rule_exist(
    rule: str, where: str, file: str, test: str
) -> None:
    assert (ROOT / where).is_file()
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    assert test in {node.name for node in tree.body if isinstance(node, functions)}
