"""A server that is a process of this machine, throwaway with everything of its own."""

import os
import pwd
import signal
import subprocess
from abc import abstractmethod
from pathlib import Path

from tools import machine
from tools.addresses import Address
from tools.errors import ToolError
from tools.reaper import Child, Reaper
from tools.server import Server

_STOPPED_WITHIN = 30.0
_PREPARED_WITHIN = 60.0


class ProcessServer(Server):
    """One process group. The servers refuse or dislike root, so root lends them an account."""

    accounts: tuple[str, ...] = ()
    stopping = signal.SIGTERM
    ending = signal.SIGKILL

    def __init__(self, address: Address, program: Path, reaper: Reaper) -> None:
        """Make its folder, owned by the account it will run as."""
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
        """Write what it needs before its first start."""

    @abstractmethod
    def command(self) -> list[str]:
        """Give the command line that runs it in the foreground."""

    def environment(self) -> dict[str, str]:
        """Give the variables it runs with; HOME keeps its dot files with the throwaway data."""
        return {**os.environ, "HOME": str(self._folder)}

    def launch(self) -> None:
        """Run it in a session of its own, which a Ctrl-C in the terminal does not reach."""
        if not self._prepared:
            self.prepare()
            self._prepared = True
        self._process = self._popen(self.command())
        self._reaper.process(self._process, self.ending)

    def stop(self) -> None:
        """Send the signal for an orderly shutdown and wait for the end."""
        self._end(self.stopping)

    def kill(self) -> None:
        """End the whole tree with SIGKILL."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Freeze the whole tree."""
        for pid in machine.tree(self._running().pid):
            machine.send(pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let the whole tree go on."""
        for pid in machine.tree(self._running().pid):
            machine.send(pid, signal.SIGCONT)

    def trouble(self) -> str | None:
        """Tell whether the process has ended."""
        code = self._process.poll() if self._process else None
        return None if code is None else f"it ended with exit code {code}"

    def log(self) -> str:
        """Give the last lines of its output."""
        return machine.last_lines(self._log)

    def write(self, name: str, text: str) -> Path:
        """Write a file for its eyes only: these carry passwords."""
        path = self._folder / name
        path.touch(mode=0o600)
        path.write_text(text)
        if self._account:
            os.chown(path, self._account.pw_uid, self._account.pw_gid)
        return path

    def run(self, *words: str) -> None:
        """Run a command of its own to the end, as its account."""
        code = self._popen(list(words)).wait(_PREPARED_WITHIN)
        if code != 0:
            raise ToolError(self._failure(f"{words[0]} ended with exit code {code}"))

    def _popen(self, words: list[str]) -> Child:
        account = self._account
        with self._log.open("ab") as log:
            return subprocess.Popen(
                words,
                cwd=self._folder,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
            )

    def _running(self) -> Child:
        if self._process is None:
            text = f"{self.address.kind} is not running."
            raise ToolError(text)
        return self._process

    def _end(self, number: signal.Signals) -> None:
        process = self._running()
        everyone = machine.tree(process.pid) if number is signal.SIGKILL else []
        machine.send_group(process.pid, number)
        for pid in everyone:
            machine.send(pid, number)
        process.wait(_STOPPED_WITHIN)
        machine.send_group(process.pid, signal.SIGKILL)  # helpers that outlive their leader
        self._reaper.forget_process(process)
        self._process = None

    def _find_account(self) -> pwd.struct_passwd:
        for name in (*self.accounts, "nobody"):
            try:
                account = pwd.getpwnam(name)
            except KeyError:
                continue
            os.chown(self._folder, account.pw_uid, account.pw_gid)
            return account
        text = f"There is no account to run {self.address.kind} under: it must not run as root."
        raise ToolError(text)
