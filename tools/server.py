"""What a server is to a run: it can be started, stopped, killed, paused, and says when it is up."""

import time
from abc import ABC, abstractmethod

from tools import probes
from tools.addresses import TITLES, Address
from tools.errors import ToolError

_READY_WITHIN = 90.0
_POLL = 0.1


class Server(ABC):
    """A server that answers at `address`. Its methods block: call them from a thread if async."""

    def __init__(self, address: Address, origin: str) -> None:
        """Keep where it answers and where it comes from; nothing is started yet."""
        self.address = address
        self.origin = origin

    @abstractmethod
    def launch(self) -> None:
        """Set it going without waiting for it."""

    @abstractmethod
    def stop(self) -> None:
        """Shut it down in its own orderly way; its data stays for the next start."""

    @abstractmethod
    def kill(self) -> None:
        """End it at once, as a power cut would; its data stays for the next start."""

    @abstractmethod
    def pause(self) -> None:
        """Freeze it: connections stay open and nothing answers."""

    @abstractmethod
    def resume(self) -> None:
        """Let it go on after a pause."""

    @abstractmethod
    def trouble(self) -> str | None:
        """Say why it cannot come up any more, or None while it may."""

    @abstractmethod
    def log(self) -> str:
        """Give the end of its log, for a message."""

    def start(self) -> str:
        """Launch it, wait until it answers, and return its version."""
        self.launch()
        return self.wait()

    def wait(self) -> str:
        """Wait until it answers a question in its own protocol, and return its version."""
        deadline = time.monotonic() + _READY_WITHIN
        while True:
            try:
                return probes.version(self.address)
            except probes.NotReady as error:
                reason = self.trouble()
                if reason is None and time.monotonic() > deadline:
                    reason = f"no good answer in {_READY_WITHIN:.0f} s ({error})"
            if reason is not None:
                raise ToolError(self._failure(reason))
            time.sleep(_POLL)

    def _failure(self, reason: str) -> str:
        title = TITLES[self.address.kind]
        return f"{title} ({self.origin}) did not start: {reason}. Its last lines:\n{self.log()}"


class GivenServer(Server):
    """A server named by a URL in the environment: used, and otherwise left alone."""

    def __init__(self, address: Address) -> None:
        """Keep the address."""
        super().__init__(address, f"from {address.kind.upper()}_URL")

    def launch(self) -> None:
        """Do nothing: it runs already, or the wait will say that it does not."""

    def wait(self) -> str:
        """Ask once: a server that was named must answer."""
        try:
            return probes.version(self.address)
        except probes.NotReady as error:
            variable = f"{self.address.kind.upper()}_URL"
            text = f"{variable} names a server at {self.address} that gives no good answer: {error}"
            raise ToolError(text) from None

    def stop(self) -> None:
        """Refuse: it is not ours."""
        self._refuse()

    def kill(self) -> None:
        """Refuse: it is not ours."""
        self._refuse()

    def pause(self) -> None:
        """Refuse: it is not ours."""
        self._refuse()

    def resume(self) -> None:
        """Refuse: it is not ours."""
        self._refuse()

    def trouble(self) -> str | None:
        """Never known from here."""
        return None

    def log(self) -> str:
        """Never seen from here."""
        return "    (its log is not ours to read)"

    def _refuse(self) -> None:
        text = f"The server {self.origin} was not started here and is left alone."
        raise ToolError(text)
