"""Queries of the machine: free ports, living processes, the last lines of logs."""

import os
import random
import signal
import socket
from pathlib import Path

from tools.common.errors import ToolError

# Below every system's range for outgoing connections. A port from that range can be taken by any
# client while a server restarts, and a client that reconnects to it can even connect to itself.
_PORT_RANGE = (15000, 30000)
_ATTEMPTS = 100


def free_port() -> int:
    """Return a free loopback port, chosen at random so that parallel runs do not collide."""
    for _ in range(_ATTEMPTS):
        port = random.randrange(*_PORT_RANGE)  # noqa: S311 - a port is no secret
        with socket.socket() as candidate:
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    message = f"No free port found between {_PORT_RANGE[0]} and {_PORT_RANGE[1]}."
    raise ToolError(message)


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the name: state, parent and so on."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def alive(pid: int) -> bool:
    """Return whether a process runs. A zombie does not."""
    if Path("/proc/self/stat").exists():
        fields = _stat(pid)
        return bool(fields) and fields[0] != "Z"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def tree(pid: int) -> list[int]:
    """List a process and all its descendants. PostgreSQL's children leave its process group."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        if fields := _stat(int(entry.name)):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [pid]
    for parent in found:
        found.extend(children.get(parent, ()))
    return found


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may just have ended."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def send_group(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process group that may just have ended."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):  # EPERM: macOS, for a group of zombies
        return


def last_lines(path: Path, count: int = 15) -> str:
    """Return the last lines of a log, indented for a message."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    return "\n".join(f"    {line}" for line in lines[-count:]) or "    (its log is empty)"
