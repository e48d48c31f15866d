"""Reads `.env` files, and finds the settings that `.env` lacks. Standard library only."""

from __future__ import annotations

import ast
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

from src.utils.env_file import SETTING, ambiguous, quote

PLACEHOLDER = "change-me"
# A setting that docker-compose.yml refuses to start without.
DEMANDED = re.compile(r"\$\{(\w+):\?")


class SetupError(Exception):
    """A file or a value that is unusable. The message names it, and says what to do."""


def read(path: Path) -> str:
    """Return the text of a file, with its own line endings."""
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text or text.startswith("\ufeff"):
        raise SetupError(f"{path.name} is not plain UTF-8: save it as UTF-8 without a BOM")
    return text


def create(path: Path, text: str, mode: int) -> bool:
    """Create a file with its mode set from the start. Return False if the file already exists."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        return False
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except BaseException:  # Ctrl-C too: a later run would keep the partial file
        path.unlink()
        raise
    return True


def append(path: Path, values: dict[str, str]) -> None:
    """Add settings at the end of a file, with the line ending of the lines before."""
    text = read(path)
    end = "\r\n" if "\r\n" in text else "\n"
    added = (f"{name}={_quoted(name, value)}" for name, value in values.items())
    lines = ["", "# Added by `make setup`.", *added]
    with path.open("a", encoding="utf-8", newline="") as file:
        file.write(end * bool(text and not text.endswith("\n")))
        file.write("".join(line + end for line in lines))


def _quoted(name: str, value: str) -> str:
    try:
        return quote(value)
    except ValueError as error:
        raise SetupError(f".env.example: {name} {error}") from None


def replace(text: str, name: str, value: str) -> str:
    """Return the text of an `.env` file with another value of a setting, or with a new line."""
    for setting in SETTING.finditer(text):
        if setting[1] == name:
            return text[: setting.start(2)] + value + text[setting.end(2) :]
    end = "\r\n" if "\r\n" in text else "\n"
    return f"{text}{end * bool(text and not text.endswith(end))}{name}={value}{end}"


def value_of(written: str) -> str:
    """Return a written value without its quotes and without a comment behind it."""
    closing = written.find(written[:1], 1) if written[:1] in ("'", '"') else -1
    if closing > 0:
        return written[1:closing]
    return re.split(r"(?:^|\s)#", written, maxsplit=1)[0].strip()


def settings(text: str) -> dict[str, str]:
    """Return the variables of an `.env` file and their values."""
    return {name: value_of(written) for name, written in SETTING.findall(text)}


def fresh(value: str) -> str:
    """Return a new secret in place of a placeholder, and any other value as it is."""
    # Letters and digits only, so that no program mistakes the secret for an option.
    return secrets.token_hex(32) if value == PLACEHOLDER else value


def fill_in(example: str, ports: dict[str, int]) -> str:
    """Return the text of a new `.env`: the example with fresh secrets and these ports."""

    def line(setting: re.Match[str]) -> str:
        name, written = setting.groups()
        value = value_of(written)
        new = str(ports.get(name, fresh(value)))
        if new == value:
            return setting[0]
        start = setting.start(2) - setting.start()
        return setting[0][:start] + (setting[0][start:].replace(value, new, 1) if value else new)

    return SETTING.sub(line, example)


def groups(project: Path) -> Iterator[tuple[str, ast.ClassDef]]:
    """Return the prefix and the class of each group of settings of the service."""
    for module in (project / "src" / "config.py", *(project / "src" / "wiring").glob("*.py")):
        if module.exists():
            for group in ast.walk(ast.parse(read(module))):
                if isinstance(group, ast.ClassDef):
                    prefixes = (word.value for word in group.keywords if word.arg == "env_prefix")
                    yield from ((ast.literal_eval(prefix), group) for prefix in prefixes)


def without_default(project: Path) -> list[str]:
    """Return the settings of the service that have no default."""
    return [
        f"{prefix}{ast.unparse(field.target)}".upper()
        for prefix, group in groups(project)
        for field in group.body
        if isinstance(field, ast.AnnAssign) and field.value is None
    ]


def required(project: Path, example: dict[str, str], compose: str) -> list[str]:
    """Return the settings of the example that the service or Compose does not start without."""
    names = {name for name, value in example.items() if value == PLACEHOLDER}
    names |= {*DEMANDED.findall(compose), *without_default(project)}
    return [name for name in example if name in names]


def different(project: Path, text: str) -> list[str]:
    """Return the settings of the service that Compose and the service would read differently."""
    prefixes = tuple(prefix for prefix, _ in groups(project))
    return [name for name in ambiguous(text) if name.upper().startswith(prefixes)]
