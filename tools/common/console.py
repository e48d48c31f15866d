"""Output of a long command: each step as it happens, with its time. Plain without a terminal."""

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

_GREEN = "\033[32m"
_RED = "\033[31m"
_DIM = "\033[2m"
_PLAIN = "\033[0m"
_ERASE_LINE = "\r\033[K"
_SECONDS_BETWEEN_LINES = 5.0


@dataclass
class Console:
    """Prints steps. A stream that is no terminal (a file or a pipe) gets whole lines only."""

    stream: TextIO = field(default_factory=lambda: sys.stdout)

    def say(self, line: str = "") -> None:
        """Print a line."""
        print(line, file=self.stream, flush=True)

    @contextmanager
    def step(self, title: str) -> Iterator["Running"]:
        """Show a step from its start to its end; the body sets `saw`, the result to show."""
        running = Running(self, title)
        running.progress("")
        try:
            yield running
        except BaseException as error:
            outcome = "stopped" if isinstance(error, KeyboardInterrupt) else "FAILED"
            self.say(running.summary(self.paint(_RED, outcome)))
            raise
        self.say(running.summary(self.paint(_GREEN, "ok")))

    def paint(self, colour: str, text: str) -> str:
        """Colour a text, on a terminal only."""
        return f"{colour}{text}{_PLAIN}" if self.is_terminal else text

    def dim(self, text: str) -> str:
        """Dim a text, on a terminal only."""
        return self.paint(_DIM, text)

    @property
    def is_terminal(self) -> bool:
        """Whether the stream is a terminal."""
        return self.stream.isatty()


class Running:
    """A step that has started."""

    def __init__(self, console: Console, title: str) -> None:
        """Start the step's clock."""
        self._console = console
        self._title = title
        self._begun = time.monotonic()
        self._shown = self._begun
        self.saw = ""

    def progress(self, news: str) -> None:
        """Show that the step is running: in place on a terminal, else a line every few seconds."""
        now = time.monotonic()
        seconds = now - self._begun
        width = shutil.get_terminal_size((100, 24)).columns - 1  # a wrapped line cannot be erased
        line = f"  ...  {seconds:5.1f} s  {self._title}  {news}"[:width]
        if self._console.is_terminal:
            self._console.stream.write(_ERASE_LINE + line)
            self._console.stream.flush()
        elif now - self._shown > _SECONDS_BETWEEN_LINES:
            self._shown = now
            self._console.say(line.rstrip())

    def summary(self, outcome: str) -> str:
        """Return the step's last line, which replaces its progress."""
        seconds = time.monotonic() - self._begun
        erase = _ERASE_LINE if self._console.is_terminal else ""
        saw = self._console.dim(f"  {self.saw}") if self.saw else ""
        return f"{erase}  {outcome}  {seconds:6.2f} s  {self._title}{saw}"
