"""Child processes: commands that run to their end, and programs that write to a log."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.common.environment import service_environment
from tools.common.errors import ToolError

Child = subprocess.Popen[bytes]

TIMED_OUT = 124
"""The exit code of a command that did not end in time, as `timeout` has it."""


@dataclass(frozen=True, slots=True)
class Account:
    """The user and the group that a program runs as."""

    user: int
    group: int


def try_run(
    *words: str | Path,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    within: float | None = None,
    new_session: bool = False,
    typed: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and return its exit code and its output, stderr included.

    Its standard input is what was typed. In a new session, a Ctrl-C in the terminal does not reach
    the command.
    """
    try:
        return subprocess.run(
            words,
            cwd=cwd,
            env=environment,
            input=typed,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=within,
            start_new_session=new_session,
        )
    except subprocess.TimeoutExpired as error:
        output = error.stdout.decode(errors="replace") if isinstance(error.stdout, bytes) else ""
        text = f"{output}\nno end after {within:.0f} s".lstrip()
        return subprocess.CompletedProcess(words, TIMED_OUT, text)


def run(
    *words: str | Path,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    within: float | None = None,
) -> str:
    """Run a command to its end and return its output; raise `ToolError` if it fails."""
    done = try_run(*words, cwd=cwd, environment=environment, within=within)
    if done.returncode:
        command = " ".join(map(str, words))
        place = f" in {cwd}" if cwd else ""
        text = f"{command} ended with exit code {done.returncode}{place}:\n{done.stdout}"
        raise ToolError(text)
    return done.stdout.strip()


def run_in_service(folder: Path, *words: str | Path, **settings: str) -> str:
    """Run a command in a rendered service as its owner would, with these settings."""
    return run(*words, cwd=folder, environment=service_environment(settings))


def start_logged(
    words: Sequence[str],
    log: Path,
    *,
    cwd: Path,
    environment: Mapping[str, str],
    account: Account | None = None,
) -> Child:
    """Start a program in a session of its own, and append its output to a log."""
    with log.open("ab") as output:
        return subprocess.Popen(
            words,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=account.user if account else None,
            group=account.group if account else None,
            extra_groups=[] if account else None,
        )
