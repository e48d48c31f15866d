"""Calls of the `docker` command."""

import os
import shutil
import subprocess
from functools import cache

from tools.common.processes import try_run

_ENGINE_ANSWERS_WITHIN = 15.0
_COMMAND_WITHIN = 120.0


def docker(*words: str, within: float = _COMMAND_WITHIN) -> subprocess.CompletedProcess[str]:
    """Run a docker command and return its exit code and output.

    It has a session of its own: a Ctrl-C reaches only this program, which then cleans up.
    """
    return try_run("docker", *words, within=within, new_session=True)


@cache
def obstacle() -> str | None:
    """Return why Docker cannot be used here, or None if it can."""
    if shutil.which("docker") is None:
        return "there is no docker command"
    if os.environ.get("DOCKER_HOST", "").startswith(("tcp://", "ssh://")):
        return "DOCKER_HOST names another machine: its loopback ports are out of reach"
    answer = docker("version", "--format", "{{.Server.Version}}", within=_ENGINE_ANSWERS_WITHIN)
    return None if answer.returncode == 0 else "no Docker Engine answers"
