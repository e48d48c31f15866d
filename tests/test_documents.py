"""What the documents name exists: paths, commands, classes, functions, settings and tests."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT, SERVICE
from tests.test_budgets import settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
FOLDERS = "bench|docs|hooks|migrations|proxy|scripts|src|templates|tests|tools"
PATH = re.compile(rf"(?:{FOLDERS})/[\w./-]*[\w/]")
# `a_b` and `AaBb` are names of code. A word of one part may be any program's.
NAME = re.compile(r"\b(?=\w*(?:[a-z0-9]_|_[a-z0-9]|[A-Z]_[A-Z]|[a-z][A-Z]))[A-Za-z_]\w+")
COMMAND = re.compile(r"^\s*(?:[a-z]+=\S+ )*make ([a-z][a-z-]*)", re.MULTILINE)
TREE_NAME = re.compile(r"(?<![\w.])[\w.]+(?:/[\w*.]+)*(?:/|\.py)")
FILES_OF = re.compile(r"^\| File in `([^`]+)` .*\n\|[-| ]+\n((?:\|.*\n)+)", re.MULTILINE)

REJECTED = "hooks/pre_prompt.py"  # by docs/adr/0008-questions-are-text.md
# Names of other programs, of placeholders, and of what a decision has rejected.
FOREIGN = {
    "COMPOSE_FILE",
    "DOCKER_BUILDKIT",
    "REQUEST_ID",
    "dead_letter_worker_publisher_confirm_timeout",
    "max_connections",
    "pre_prompt",
    "solve_dependencies",
    "synchronous_standby_names",
    "transaction_timeout",
}
# The documents' example is an aggregate `Order`, which does not exist.
EXAMPLE = re.compile("order", re.IGNORECASE)


def documents(folder: Path) -> dict[str, str]:
    """Return the text of the README and of the files in `docs`, by path."""
    paths = [*folder.glob("*.md"), *(folder / "docs").rglob("*.md")]
    # The changelog also has the names of earlier versions.
    texts = {str(p.relative_to(folder)): p for p in sorted(paths) if p.name != "CHANGELOG.md"}
    return {name: path.read_text(encoding="utf-8") for name, path in texts.items()}


def inline_code(text: str) -> list[str]:
    """Return each `code` of a text, without examples."""
    code = CODE.findall(FENCED.sub("", text))
    return [it for it in code if not EXAMPLE.search(it)]


def words_of(folder: Path) -> set[str]:
    """Return the words in the names and texts of all files that are no documents."""
    words: set[str] = set()
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        if (
            path.is_file()
            and path.suffix != ".md"
            and not re.match(r"\.(git|venv|\w+_cache)$", name.parts[0])
        ):
            words.update(re.findall(r"\w+", f"{name} {path.read_text(errors='replace')}"))
    return words


def missing_paths(folder: Path, *others: Path) -> Iterator[str]:
    """Yield each link and path in the documents of a folder that leads nowhere."""
    for name, text in documents(folder).items():
        targets = [((folder / name).parent / target, target) for target in LINK.findall(text)]
        for code in inline_code(text):
            paths = [it for it in PATH.findall(code) if it != REJECTED]
            targets += [(folder / path, path) for path in paths]
        for path, target in targets:
            places = [path, *(other / target for other in others)]
            if not any(place.exists() for place in places):
                yield f"{name}: {target}"


def missing_names(folder: Path, known: set[str]) -> Iterator[str]:
    """Yield each name in the documents of a folder that no other file of it has."""
    for name, text in documents(folder).items():
        for code in inline_code(text):
            yield from (f"{name}: {it}" for it in NAME.findall(code) if it not in known | FOREIGN)


def missing_commands(folder: Path) -> Iterator[str]:
    """Yield each `make` command in the documents of a folder that its Makefile does not have."""
    makefiles = [(it / "Makefile").read_text(encoding="utf-8") for it in {folder, SERVICE}]
    targets = {target for text in makefiles for target in re.findall(r"(?m)^([a-z-]+):", text)}
    for name, text in documents(folder).items():
        commands = COMMAND.findall("\n".join([*FENCED.findall(text), *inline_code(text)]))
        yield from (f"{name}: make {it}" for it in commands if it not in targets)


def test_every_path_in_a_services_documents_exists(extreme_service: Path) -> None:
    assert list(missing_paths(extreme_service)) == []


def test_every_file_in_a_table_of_files_exists_in_the_folder_that_its_title_names(
    extreme_service: Path,
) -> None:
    files = []
    for text in documents(extreme_service).values():
        for folder, rows in FILES_OF.findall(text):
            files += [
                extreme_service / folder / it for it in re.findall(r"(?m)^\| `([^`]+)`", rows)
            ]
    assert files
    assert [file for file in files if not file.is_file()] == []


def test_every_file_and_folder_in_the_tree_of_a_services_readme_exists(
    extreme_service: Path,
) -> None:
    readme = documents(extreme_service)["README.md"]
    [tree] = [block for block in FENCED.findall(readme) if "── " in block]
    names = [name for line in tree.splitlines() for name in TREE_NAME.findall(line)]
    assert len(names) > 10
    missing = [name for name in names if not any(extreme_service.glob(f"**/{name.rstrip('/')}"))]
    assert missing == []


def test_every_name_in_a_services_documents_exists(extreme_service: Path) -> None:
    known = words_of(extreme_service) | settings(extreme_service)
    assert list(missing_names(extreme_service, known)) == []


def test_every_make_command_in_a_services_documents_exists(extreme_service: Path) -> None:
    assert list(missing_commands(extreme_service)) == []


def test_every_path_name_and_make_command_in_the_templates_documents_exists() -> None:
    assert list(missing_paths(ROOT, SERVICE)) == []
    assert list(missing_names(ROOT, words_of(ROOT))) == []
    assert list(missing_commands(ROOT)) == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("`src/main.py` and `make_it(x)`", ["make_it"]),
        ("`uow.commit()` and `DBUnitOfWork`", ["DBUnitOfWork"]),
        ("`POSTGRES_HOST`, `FOR UPDATE`", ["POSTGRES_HOST"]),
        ("```\nnot_this\n```\n`but_this`", ["but_this"]),
        ("`PlaceOrder` and `place_order`", []),
    ],
)
def test_names_of_code_are_recognised(text: str, names: list[str]) -> None:
    assert [name for code in inline_code(text) for name in NAME.findall(code)] == names
