"""What a long command shows: each step as it happens, with its time. Plain without a terminal."""

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

_GREEN, _RED, _DIM, _PLAIN = "\033[32m", "\033[31m", "\033[2m", "\033[0m"
_WIPE = "\r\033[K"
_PATIENCE = 5.0


@dataclass
class Console:
    """Prints steps. `stream` is a terminal, or a file or pipe that gets whole lines only."""

    stream: TextIO = field(default_factory=lambda: sys.stdout)

    def say(self, line: str = "") -> None:
        """Print a line."""
        print(line, file=self.stream, flush=True)

    @contextmanager
    def step(self, title: str) -> Iterator["Running"]:
        """Show a step from its begin to its end; the body says what it saw."""
        running = Running(self, title)
        running.progress("")
        try:
            yield running
        except BaseException as error:
            ended = "stopped" if isinstance(error, KeyboardInterrupt) else "FAILED"
            self.say(running.summary(self.paint(_RED, ended)))
            raise
        self.say(running.summary(self.paint(_GREEN, "ok")))

    def paint(self, colour: str, text: str) -> str:
        """Colour a word, on a terminal."""
        return f"{colour}{text}{_PLAIN}" if self.is_terminal else text

    def dim(self, text: str) -> str:
        """Make a text stand back, on a terminal."""
        return self.paint(_DIM, text)

    @property
    def is_terminal(self) -> bool:
        """Tell whether somebody watches."""
        return self.stream.isatty()


class Running:
    """A step that has begun."""

    def __init__(self, console: Console, title: str) -> None:
        """Note the time."""
        self._console = console
        self._title = title
        self._begun = self._shown = time.monotonic()
        self.saw = ""

    def progress(self, news: str) -> None:
        """Show a sign of life: in place on a terminal, else as a line every few seconds."""
        now = time.monotonic()
        seconds = now - self._begun
        width = shutil.get_terminal_size((100, 24)).columns - 1  # a wrapped line cannot be wiped
        line = f"  ...  {seconds:5.1f} s  {self._title}  {news}"[:width]
        if self._console.is_terminal:
            self._console.stream.write(_WIPE + line)
            self._console.stream.flush()
        elif now - self._shown > _PATIENCE:
            self._shown = now
            self._console.say(line.rstrip())

    def summary(self, outcome: str) -> str:
        """Give the step's last line, which takes the place of its progress."""
        seconds = time.monotonic() - self._begun
        wipe = _WIPE if self._console.is_terminal else ""
        saw = self._console.dim(f"  {self.saw}") if self.saw else ""
        return f"{wipe}  {outcome}  {seconds:6.2f} s  {self._title}{saw}"
