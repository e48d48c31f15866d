"""The call that started this render: its options and where each answer comes from.

Cookiecutter drops unknown answers before it loads a template's extensions, and passes no option to
them. Both are still in the local variables of the functions that are running.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections import ChainMap
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cookiecutter.config import USER_CONFIG_PATH

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType


@dataclass(frozen=True)
class Call:
    """The running functions of cookiecutter and cruft, the innermost first."""

    frames: tuple[FrameType, ...]

    @cached_property
    def _variables(self) -> Mapping[str, Any]:
        return ChainMap(*(dict(frame.f_locals) for frame in self.frames))

    def _is_inside(self, function: str) -> bool:
        return any(frame.f_code.co_name == function for frame in self.frames)

    def option(self, name: str) -> Any:  # noqa: ANN401 -- options are of several types
        """Return an option of the command or of the call from Python; None if there is none."""
        return self._variables.get(name)

    @property
    def is_hook(self) -> bool:
        """True while cookiecutter renders a hook."""
        return self._is_inside("run_script_with_context")

    @property
    def is_generating(self) -> bool:
        """True after the last question, also for a replay."""
        return self._is_inside("generate_files")

    @property
    def is_command_of_cruft(self) -> bool:
        """True for `cruft` in a shell, which prints a traceback for each exception."""
        return any(frame.f_globals["__name__"] == "cruft._cli" for frame in self.frames)

    @property
    def can_ask(self) -> bool:
        """True if a user at a terminal answers the questions."""
        return not self.option("no_input") and sys.stdin is not None and sys.stdin.isatty()

    @property
    def raw_answers(self) -> dict[str, Any]:
        """The answers as they were given, with the template's defaults for all others."""
        context = self.option("context") or {}
        answers: dict[str, Any] = context.get("cookiecutter", {})
        return answers

    @property
    def given(self) -> dict[str, Any]:
        """The answers from the command line, from Python or from .cruft.json."""
        return dict(self.option("extra_context") or {})

    @property
    def configured(self) -> dict[str, Any]:
        """The answers in the user's configuration file."""
        return dict((self.option("config_dict") or {}).get("default_context") or {})

    @property
    def config_file(self) -> str:
        """The path of the user's configuration file."""
        named = self.option("config_file") or os.environ.get("COOKIECUTTER_CONFIG")
        return str(named or USER_CONFIG_PATH)

    @property
    def replayed(self) -> dict[str, Any]:
        """The answers in the replay file, if there is one."""
        context = self.option("context_from_replayfile") or {}
        answers: dict[str, Any] = context.get("cookiecutter", {})
        return answers

    @property
    def replay_folder(self) -> str:
        """The folder for cookiecutter's replay file; empty for cruft, which writes none."""
        if not self._is_inside("cookiecutter"):
            return ""
        return str((self.option("config_dict") or {}).get("replay_dir") or "")

    @property
    def replay_file(self) -> str:
        """The path of the replay file."""
        replay = self.option("replay")
        if isinstance(replay, str):
            return replay
        return str(Path(self.replay_folder, f"{self.option('template_name')}.json"))

    @property
    def linked_service(self) -> Path | None:
        """The service that cruft updates or links; None for a new service."""
        folders = [
            frame.f_locals.get("project_dir")
            for frame in self.frames
            if frame.f_globals["__name__"].startswith("cruft.")
        ]
        outermost = next(filter(None, reversed(folders)), None)
        return Path(outermost) if outermost and not self._is_inside("create") else None


def current_call() -> Call:
    """Find the functions of cookiecutter and cruft that are running."""
    frames = []
    frame = inspect.currentframe()
    while frame:
        if frame.f_globals.get("__name__", "").startswith(("cookiecutter.", "cruft.")):
            frames.append(frame)
        frame = frame.f_back
    return Call(tuple(frames))
