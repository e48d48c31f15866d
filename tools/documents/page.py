"""A Markdown page whose commands are played as a reader types them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

from tools.common.errors import ToolError
from tools.common.processes import try_run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

WITHIN = 600.0
"""Seconds that a block may take."""


@dataclass(frozen=True, slots=True)
class Block:
    """Commands under a heading: a block fenced with `sh`, or an indented one."""

    heading: str
    line: int
    commands: str


def read_blocks(text: str) -> list[Block]:
    """Return the blocks of a page that hold commands, in their order."""
    blocks = []
    heading = ""
    tokens = MarkdownIt().parse(text)
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "heading_open" and following:
            heading = re.sub(r"[`*]", "", following.content)
        elif token.type == "code_block" or (token.type == "fence" and token.info == "sh"):
            line = token.map[0] + 1 if token.map else 0
            blocks.append(Block(heading, line, token.content))
    return blocks


@dataclass(frozen=True, slots=True)
class Reader:
    """A person who types the commands: in a folder, with an environment."""

    folder: Path
    environment: Mapping[str, str]


class Page:
    """The blocks of a page. Each is played by a shell that stops at the first failure."""

    def __init__(self, path: Path, placeholders: Mapping[str, str] | None = None) -> None:
        """Read a page; its placeholders, such as `ORG/REPO`, stand for these texts."""
        text = path.read_text(encoding="utf-8")
        for placeholder, value in (placeholders or {}).items():
            if placeholder not in text:
                message = f"{path.name} has no {placeholder}"
                raise ToolError(message)
            text = text.replace(placeholder, value)
        self.path = path
        self.unplayed = read_blocks(text)
        self._blocks = tuple(self.unplayed)

    def play(
        self,
        reader: Reader,
        heading: str,
        number: int = 1,
        *,
        typed: str = "",
        exit_code: int = 0,
    ) -> str:
        """Play a block of those under a heading, counted from 1, and return its output.

        `typed` is what the reader answers to questions of the commands.

        Raises:
            ToolError: There is no such block, or it ended with another exit code.
        """
        found = [block for block in self._blocks if block.heading == heading]
        if len(found) < number:
            message = f"{self.path.name} has {len(found)} blocks under {heading!r}"
            raise ToolError(message)
        block = found[number - 1]
        self.unplayed = [it for it in self.unplayed if it is not block]
        shell = ("bash", "-e", "-u", "-o", "pipefail", "-c", block.commands)
        done = try_run(
            *shell,
            cwd=reader.folder,
            environment=reader.environment,
            within=WITHIN,
            typed=typed,
        )
        if done.returncode != exit_code:
            place = f"{self.path.name}:{block.line}"
            message = f"{place} ended with {done.returncode}:\n{block.commands}\n{done.stdout}"
            raise ToolError(message)
        return done.stdout
