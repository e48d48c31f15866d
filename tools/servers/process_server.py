"""A server that runs as a process of this machine, on throwaway data."""

import os
import pwd
import signal
from abc import abstractmethod
from pathlib import Path

from tools.common import machine
from tools.common.errors import ToolError
from tools.common.processes import Account, Child, start_logged
from tools.servers.addresses import Address
from tools.servers.reaper import Reaper
from tools.servers.server import Server

_STOPPED_WITHIN = 30.0
_PREPARED_WITHIN = 60.0


class ProcessServer(Server):
    """One process group. Servers should not run as root, so root runs them under their account."""

    accounts: tuple[str, ...] = ()
    stopping = signal.SIGTERM
    ending = signal.SIGKILL

    def __init__(self, address: Address, program: Path, reaper: Reaper) -> None:
        """Create its folder, owned by the account it will run as."""
        super().__init__(address, f"installed here, {program}")
        self._program = program
        self._reaper = reaper
        self._process: Child | None = None
        self._folder = reaper.folder(f"template-{address.kind}-")
        self._log = self._folder / "log"
        self._account = self._find_account() if os.geteuid() == 0 else None
        self._prepared = False

    @abstractmethod
    def prepare(self) -> None:
        """Write the files that it needs before its first start."""

    @abstractmethod
    def command(self) -> list[str]:
        """Return the command line that runs it in the foreground."""

    def environment(self) -> dict[str, str]:
        """Return its environment; HOME keeps its dot files with the throwaway data."""
        return {**os.environ, "HOME": str(self._folder)}

    def launch(self) -> None:
        """Start it in a session of its own, which a Ctrl-C in the terminal does not reach."""
        if not self._prepared:
            self.prepare()
            self._prepared = True
        self._process = self._start(self.command())
        self._reaper.process(self._process, self.ending)

    def stop(self) -> None:
        """Send the signal for an orderly shutdown and wait for its end."""
        self._end(self.stopping)

    def kill(self) -> None:
        """End all its processes with SIGKILL."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Freeze all its processes."""
        for pid in machine.tree(self._running().pid):
            machine.send(pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Continue all its processes."""
        for pid in machine.tree(self._running().pid):
            machine.send(pid, signal.SIGCONT)

    def control(self, *words: str) -> None:
        """Run a command that is installed beside the server's program."""
        self.run(str(self._program.parent / words[0]), *words[1:])

    def trouble(self) -> str | None:
        """Return its exit code in words if it has ended, else None."""
        code = self._process.poll() if self._process else None
        return None if code is None else f"it ended with exit code {code}"

    def log(self) -> str:
        """Return the last lines of its output."""
        return machine.last_lines(self._log)

    def write(self, name: str, text: str) -> Path:
        """Write a file that only its account can read: it may hold a password."""
        path = self._folder / name
        path.touch(mode=0o600)
        path.write_text(text)
        if self._account:
            os.chown(path, self._account.user, self._account.group)
        return path

    def run(self, *words: str) -> None:
        """Run a command of the server to its end, under its account."""
        code = self._start(list(words)).wait(_PREPARED_WITHIN)
        if code != 0:
            raise ToolError(self._failure(f"{words[0]} ended with exit code {code}"))

    def _start(self, words: list[str]) -> Child:
        return start_logged(
            words,
            self._log,
            cwd=self._folder,
            environment=self.environment(),
            account=self._account,
        )

    def _running(self) -> Child:
        if self._process is None:
            text = f"{self.address.kind} is not running."
            raise ToolError(text)
        return self._process

    def _end(self, number: signal.Signals) -> None:
        process = self._running()
        tree = machine.tree(process.pid) if number is signal.SIGKILL else []
        machine.send_group(process.pid, number)
        for pid in tree:
            machine.send(pid, number)
        process.wait(_STOPPED_WITHIN)
        machine.send_group(process.pid, signal.SIGKILL)  # helpers that outlive the main process
        self._reaper.forget_process(process)
        self._process = None

    def _find_account(self) -> Account:
        for name in (*self.accounts, "nobody"):
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            os.chown(self._folder, entry.pw_uid, entry.pw_gid)
            return Account(entry.pw_uid, entry.pw_gid)
        text = f"{self.address.kind} must not run as root, and there is no account for it."
        raise ToolError(text)
