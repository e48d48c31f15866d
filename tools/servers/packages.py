"""Debian packages of servers and tools; installing them needs Debian or Ubuntu, and root."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from fcntl import LOCK_EX, flock
from pathlib import Path

from tools.common.errors import ToolError
from tools.common.machine import last_lines
from tools.common.processes import Child, start_logged
from tools.servers.addresses import TITLES, Kind

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
# runs apt-get also removes the policy, so that this happens even if this process is killed. Where
# a policy exists already it must forbid the same, or nothing is installed. The links that enable
# services are removed, so that these do not start at the machine's next boot.
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
    """Return why packages cannot be installed here, or None if they can."""
    if not _RELEASE.exists() or shutil.which("apt-get") is None:
        return "this is not Debian or Ubuntu"
    return None if os.geteuid() == 0 else "apt-get needs root"


def names(kinds: list[Kind]) -> str:
    """Return the packages of these kinds of server, for a command line."""
    return " ".join(_PACKAGES[kind] for kind in kinds)


def install(kinds: list[Kind], missing: Callable[[Kind], bool], say: Say) -> None:
    """Install the missing packages. A parallel run waits here and then finds them installed."""
    titles = {_PACKAGES[kind]: TITLES[kind] for kind in kinds}
    by_package = {_PACKAGES[kind]: kind for kind in kinds}
    _install(titles, lambda package: missing(by_package[package]), say)


def program(name: str, say: Say) -> str:
    """Return a program of the PATH; install the package of the same name if it is missing."""
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
    process = start_logged(
        ["sh", "-c", _SCRIPT, "sh", *wanted],
        log,
        cwd=log.parent,
        environment={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"},
    )
    try:
        return _wait(process, log, say)
    except KeyboardInterrupt:
        say("  apt-get must not be interrupted: waiting for its end")
        process.wait(_INSTALLED_WITHIN)
        raise


def _wait(process: Child, log: Path, say: Say) -> int:
    for seconds in range(_STEP, _INSTALLED_WITHIN, _STEP):
        try:
            return process.wait(_STEP)
        except subprocess.TimeoutExpired:
            say(f"  {seconds} s: {last_lines(log, 1).strip()[:80]}")
    os.killpg(process.pid, signal.SIGTERM)
    return process.wait()
