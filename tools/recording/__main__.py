"""`make pictures`: record the prompts and the demo in a terminal, for the README.

A recording, typed answers included, becomes an SVG: no video, and no font to load.
"""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import tempfile
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from tools.common import rendering
from tools.common.command import run_command
from tools.common.errors import ToolError
from tools.common.paths import ROOT

IMAGES = ROOT / "docs" / "images"
WIDTH = 112
QUIET_SECONDS = 1.0
# In the order of the questions: Redis by its default, no RabbitMQ, a licence by its number.
ANSWERS = ("Billing", "", "Sends invoices.", "Ada & Co", "ada@example.com", "", "no", "", "", "2")


def record(command: list[str], answers: tuple[str, ...] = ()) -> str:
    """Run a command in a terminal, type an answer each time it waits, and return its output."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    running = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd=ROOT
    )
    os.close(theirs)
    waiting = list(answers)
    seen = b""
    while True:
        if waiting and not select.select([ours], [], [], QUIET_SECONDS)[0]:
            os.write(ours, f"{waiting.pop(0)}\n".encode())
        try:
            part = os.read(ours, 65536)
        except OSError:  # on Linux: the other side is closed
            part = b""
        if not part:
            break
        seen += part
    os.close(ours)
    if running.wait():
        text = f"{' '.join(command)} failed:\n{seen.decode()}"
        raise ToolError(text)
    return seen.decode()


def draw(shown: str, typed: str, picture: Path) -> None:
    """Draw a command and its output as an SVG."""
    console = Console(record=True, width=WIDTH, file=Path(os.devnull).open("w"))  # noqa: SIM115
    console.print(Text.from_ansi(f"$ {typed}\n" + shown.replace("\r\n", "\n").rstrip()))
    without_fonts = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    svg = console.export_svg(title=typed, code_format=without_fonts)
    picture.write_text(svg.replace("Fira Code", "ui-monospace"), encoding="utf-8")


def main() -> int:
    """Record the prompts and the demo; replace the paths of this machine."""
    with tempfile.TemporaryDirectory() as folder:
        shown = record(rendering.command(Path(folder)), ANSWERS)
    draw(shown, "uvx cookiecutter gh:ORG/REPO", IMAGES / "prompts.svg")
    shown = record([sys.executable, "-m", "tools.demo"])
    shown = re.sub(re.escape(tempfile.gettempdir()) + r"/template-demo-\w+", "/tmp/demo", shown)  # noqa: S108
    draw(shown, "make demo", IMAGES / "demo.svg")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
