"""A server as a run uses it: started, stopped, killed, paused, and asked whether it is up."""

import time
from abc import ABC, abstractmethod

from tools.common.errors import ToolError
from tools.servers import probes
from tools.servers.addresses import TITLES, Address

_READY_WITHIN = 90.0
_POLL = 0.1


class Server(ABC):
    """A server at an address. Its methods block: async code must call them in a thread."""

    def __init__(self, address: Address, origin: str) -> None:
        """Keep its address and its origin; nothing is started yet."""
        self.address = address
        self.origin = origin

    @abstractmethod
    def launch(self) -> None:
        """Start it without waiting until it answers."""

    @abstractmethod
    def stop(self) -> None:
        """Shut it down in an orderly way; its data stays for the next start."""

    @abstractmethod
    def kill(self) -> None:
        """End it at once, as a power failure would; its data stays for the next start."""

    @abstractmethod
    def pause(self) -> None:
        """Freeze it: connections stay open, without answers."""

    @abstractmethod
    def resume(self) -> None:
        """Continue it after a pause."""

    @abstractmethod
    def control(self, *words: str) -> None:
        """Run a command that the server brings for its administrator."""

    @abstractmethod
    def trouble(self) -> str | None:
        """Return why it can no longer come up, or None while it may."""

    @abstractmethod
    def log(self) -> str:
        """Return the end of its log, for a message."""

    def start(self) -> str:
        """Start it, wait until it answers, and return its version."""
        self.launch()
        return self.wait()

    def wait(self) -> str:
        """Wait until it answers a query in its own protocol, and return its version."""
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
    """A server named by a URL in the environment: used, but never started or stopped."""

    def __init__(self, address: Address) -> None:
        """Keep the address."""
        super().__init__(address, f"from {address.kind.upper()}_URL")

    def launch(self) -> None:
        """Do nothing: it must run already, which `wait` checks."""

    def wait(self) -> str:
        """Query it once: a named server must answer."""
        try:
            return probes.version(self.address)
        except probes.NotReady as error:
            variable = f"{self.address.kind.upper()}_URL"
            text = f"{variable} names a server at {self.address} that gives no good answer: {error}"
            raise ToolError(text) from None

    def stop(self) -> None:
        """Refuse: this run did not start it."""
        self._refuse()

    def kill(self) -> None:
        """Refuse: this run did not start it."""
        self._refuse()

    def pause(self) -> None:
        """Refuse: this run did not start it."""
        self._refuse()

    def resume(self) -> None:
        """Refuse: this run did not start it."""
        self._refuse()

    def control(self, *words: str) -> None:  # noqa: ARG002 -- the base class has it
        """Refuse: this run did not start it."""
        self._refuse()

    def trouble(self) -> str | None:
        """Return None: its process is out of reach."""
        return None

    def log(self) -> str:
        """Return a placeholder: its log is out of reach."""
        return "    (its log cannot be read from here)"

    def _refuse(self) -> None:
        text = f"The server {self.origin} was not started here and is left alone."
        raise ToolError(text)
