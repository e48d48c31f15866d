"""`make matrix`: render every variant, run all checks on it, and print a table of times."""

import sys
import tempfile
from pathlib import Path

from tools.common.command import run_command
from tools.common.rendering import render
from tools.servers.running import running_servers
from tools.variants.checks import examine, table
from tools.variants.variant import variants


def main() -> int:
    """Print the table and the problems that were found."""
    with tempfile.TemporaryDirectory(prefix="template-matrix-") as folder:
        every = variants()
        for variant in every:
            output = Path(folder, str(variant).replace(" ", "-"))
            variant.folder = render(output, **variant.answers)
        with running_servers(print) as servers:
            settings = servers.environment()
            # One after the other: their suites use all cores.
            outcomes = {str(variant): examine(variant, settings) for variant in every}
    print(table(outcomes))
    problems = [o.problem for row in outcomes.values() for o in row.values() if o.problem]
    print("", *problems, sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(run_command(main))
