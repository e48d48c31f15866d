"""Every value of `.env` that the service accepts has the same meaning for Docker Compose."""

from __future__ import annotations

import json
import random
import runpy
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import SERVICE

if TYPE_CHECKING:
    from pathlib import Path

RULE: dict[str, Any] = runpy.run_path(str(SERVICE / "src/utils/env_file.py"))
CHARACTERS = [*"ab1 '\"$#{}\\=`;:(-\t", "\u00e9", "\u00a0"]
MEANINGS = {
    "abc": "abc",
    "'abc$def'": "abc$def",
    "'abc$$def' # comment": "abc$$def",
    '"abc # def"': "abc # def",
    "abc#def # comment": "abc#def",
    "a\\b'c\"d": "a\\b'c\"d",
    "a b": "a b",
    "  abc  ": "abc",
    "abc\r": "abc",
}
DIFFERENT = ["abc$def", "abc$$def", "${A}", "'it\\'s'", '"a\\nb"', "a\t# b", "'a'b", "'a", "# a"]


def read_by_compose(folder: Path, lines: list[str]) -> list[str]:
    """Return the values that Compose gives to a container, and puts into its own file."""
    done = subprocess.run(("docker", "compose", "version"), capture_output=True, check=False)
    if shutil.which("docker") is None or done.returncode:
        pytest.skip("no Docker Compose here")
    text = "".join(f"V{number}={line}\n" for number, line in enumerate(lines))
    (folder / ".env").write_bytes(text.encode())
    variables = "".join(f'      W{n}: "${{V{n}}}"\n' for n in range(len(lines)))
    service = "services:\n  a:\n    image: a\n    env_file: .env\n    environment:\n"
    (folder / "docker-compose.yml").write_text(service + variables, encoding="utf-8")
    command = ("docker", "compose", "config", "--format", "json")
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    values: dict[str, str] = json.loads(done.stdout)["services"]["a"]["environment"]
    numbers = range(len(lines))
    assert [values[f"V{n}"] for n in numbers] == [values[f"W{n}"] for n in numbers]
    return [values[f"V{n}"].replace("$$", "$") for n in numbers]  # as config escapes them


def test_compose_reads_accepted_values_as_the_service_does(tmp_path: Path) -> None:
    assert not [*RULE["ambiguous"]("".join(f"A={written}\n" for written in MEANINGS))]
    assert read_by_compose(tmp_path, [*MEANINGS]) == [*MEANINGS.values()]


@pytest.mark.parametrize("written", DIFFERENT)
def test_other_values_are_not_accepted(written: str) -> None:
    assert [*RULE["ambiguous"](f"A=1\nB={written}\n")] == ["B"]


def test_a_value_that_is_written_is_read_by_compose_as_it_was(tmp_path: Path) -> None:
    source = random.Random(17)  # noqa: S311  the same values in each run
    values = ["".join(source.choices(CHARACTERS, k=source.randint(1, 8))) for _ in range(1000)]
    written = {}
    for value in values:
        try:
            written[value] = RULE["quote"](value)
        except ValueError:
            assert set("'\\$") & {*value}, value
    assert len(written) > len(values) / 2
    assert read_by_compose(tmp_path, [*written.values()]) == [*written]
