"""`make matrix`: render every variant, examine it, and print variant x check x time."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from tools.errors import ToolError
from tools.servers import running_servers
from tools.variants import ROOT, Outcome, Variant, examine, variants

if TYPE_CHECKING:
    from collections.abc import Mapping

AT_ONCE = 1


def render(variant: Variant, folder: Path) -> None:
    """Render it by the command that a user would type."""
    output = folder / str(variant).replace(" ", "-")
    answers = [f"{name}={'yes' if used else 'no'}" for name, used in variant.options.items()]
    command = [sys.executable, "-m", "cookiecutter", str(ROOT), "--no-input", "--default-config"]
    done = subprocess.run(
        [*command, "--output-dir", str(output), *answers],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ToolError(done.stdout + done.stderr)
    [variant.folder] = output.iterdir()


def table(outcomes: Mapping[str, Mapping[str, Outcome]]) -> str:
    """Return the table, in Markdown."""
    names = list(next(iter(outcomes.values())))
    rows = [["", *names], ["---", *["---:"] * len(names)]]
    for variant, row in outcomes.items():
        cells = [f"{o.seconds:.1f} s" if not o.problem else "FAILED" for o in row.values()]
        rows.append([variant, *cells])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> int:
    """Print the table, and what failed."""
    with tempfile.TemporaryDirectory(prefix="template-matrix-") as folder:
        every = variants()
        for variant in every:
            render(variant, Path(folder))
        with running_servers(print) as servers, ThreadPoolExecutor(AT_ONCE) as pool:
            settings = servers.environment()
            examined = pool.map(lambda variant: examine(variant, settings), every)
            outcomes = {str(v): o for v, o in zip(every, examined, strict=True)}
    print(table(outcomes))
    problems = [o.problem for row in outcomes.values() for o in row.values() if o.problem]
    print("", *problems, sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ToolError as error:
        sys.exit(str(error))
