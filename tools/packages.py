"""Packages of servers and tools, on a Debian or Ubuntu machine where we are root."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from fcntl import LOCK_EX, flock
from pathlib import Path

from tools.addresses import TITLES, Kind
from tools.errors import ToolError
from tools.machine import last_lines

Say = Callable[[str], None]

_INSTALLED_WITHIN = 900
_STEP = 10
_PACKAGES: dict[Kind, str] = {
    "rabbitmq": "rabbitmq-server",
    "postgres": "postgresql",
    "redis": "redis-server",
}
_RELEASE = Path("/etc/debian_version")

# A package starts its service when it is installed, unless policy-rc.d forbids it. The shell that
# runs apt-get takes its policy away again itself, so that this happens even if we are killed
# meanwhile. Where a policy exists already it must forbid the same, or nothing is installed.
# Without the links that enable them, the services do not start at the machine's next boot either.
_SCRIPT = """
set -eu
policy=/usr/sbin/policy-rc.d
if [ -e "$policy" ]; then
  code=0; "$policy" postgresql start >/dev/null 2>&1 || code=$?
  if [ "$code" != 101 ]; then echo "$policy lets packages start services."; exit 3; fi
else
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\\nexit 101\\n' >"$policy"
  chmod 755 "$policy"
fi
enabled() { find /etc/systemd/system -type l 2>/dev/null | sort; }
before=$(enabled)
apt-get update --quiet
apt-get install --yes --quiet --no-install-recommends -o DPkg::Lock::Timeout=600 "$@"
enabled | while read -r link; do
  case "$before" in *"$link"*) ;; *) rm -f "$link" ;; esac
done
"""


def obstacle() -> str | None:
    """Say why packages cannot be installed here, or None if they can."""
    if not _RELEASE.exists() or shutil.which("apt-get") is None:
        return "this is not Debian or Ubuntu"
    return None if os.geteuid() == 0 else "apt-get needs root"


def names(kinds: list[Kind]) -> str:
    """Give the packages of these kinds, for a command line."""
    return " ".join(_PACKAGES[kind] for kind in kinds)


def install(kinds: list[Kind], missing: Callable[[Kind], bool], say: Say) -> None:
    """Install what is missing; a run beside this one waits here and then finds it done."""
    titles = {_PACKAGES[kind]: TITLES[kind] for kind in kinds}
    by_package = {_PACKAGES[kind]: kind for kind in kinds}
    _install(titles, lambda package: missing(by_package[package]), say)


def program(name: str, say: Say) -> str:
    """Find a program on the PATH; install the package of its name if it is not there."""
    if shutil.which(name) is None:
        if reason := obstacle():
            text = f"{name} not found: install it ({reason})."
            raise ToolError(text)
        _install({name: name}, lambda package: shutil.which(package) is None, say)
    return name


def _install(titles: dict[str, str], missing: Callable[[str], bool], say: Say) -> None:
    with _RELEASE.open() as lock, tempfile.TemporaryDirectory() as folder:
        flock(lock, LOCK_EX)
        wanted = [package for package in titles if missing(package)]
        if not wanted:
            return
        shown = ", ".join(titles[package] for package in wanted)
        say(f"{shown}: installing with apt-get, the first time only; no service is started")
        log = Path(folder, "log")
        code = _apt_get(wanted, log, say)
        if code != 0:
            joined = " ".join(wanted)
            text = f"apt-get could not install {joined}. Its last lines:\n{last_lines(log)}"
            raise ToolError(text)


def _apt_get(wanted: list[str], log: Path, say: Say) -> int:
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["sh", "-c", _SCRIPT, "sh", *wanted],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        return _wait(process, log, say)
    except KeyboardInterrupt:
        say("  apt-get must not be cut off half-way: waiting for it, then ending")
        process.wait(_INSTALLED_WITHIN)
        raise


def _wait(process: subprocess.Popen[bytes], log: Path, say: Say) -> int:
    for seconds in range(_STEP, _INSTALLED_WITHIN, _STEP):
        try:
            return process.wait(_STEP)
        except subprocess.TimeoutExpired:
            say(f"  {seconds} s: {last_lines(log, 1).strip()[:80]}")
    os.killpg(process.pid, signal.SIGTERM)
    return process.wait()
