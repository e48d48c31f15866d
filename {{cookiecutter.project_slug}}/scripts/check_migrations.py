"""Check the migrations before a commit: one head, and no statement that squawk warns of.

squawk (squawkhq.com) knows which statements block a table, or break the version of the service that
still runs. It reads the SQL of every revision but those that pyproject.toml lists with a reason:

    [tool.squawk]
    exceptions = [{ revision = "0002", reason = "no version uses the column any more" }]
"""

import io
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from alembic import command  # noqa: E402
from alembic.config import Config  # noqa: E402
from alembic.script import Script, ScriptDirectory  # noqa: E402

from src.repositories.postgres.migrations.errors import require_one_head  # noqa: E402

FIELDS = {"revision": str, "reason": str}
STEP = "-- Running upgrade"
WAY_OUT = "Correct it, or list the revision in pyproject.toml: [tool.squawk], exceptions."


def read_exceptions(settings: dict[str, Any], revisions: set[str]) -> set[str]:
    """Return the revisions that squawk does not read.

    Raises:
        SystemExit: An exception is malformed, or names no revision. The message shows it.
    """
    for exception in settings["exceptions"]:
        is_table = isinstance(exception, dict)
        if not is_table or {key: type(value) for key, value in exception.items()} != FIELDS:
            sys.exit(f"pyproject.toml: the exception {exception} needs a revision and a reason")
        if exception["revision"] not in revisions:
            sys.exit(f"pyproject.toml: squawk's exception {exception['revision']} is no revision")
    return {exception["revision"] for exception in settings["exceptions"]}


def name(revision: Script) -> str:
    """Return the path of a revision in the project."""
    path = Path(revision.path)
    return str(path.relative_to(PROJECT)) if path.is_relative_to(PROJECT) else str(path)


def sql(config: Config, revision: Script) -> str:
    """Return the statements of one revision, in its transaction."""
    config.output_buffer = io.StringIO()
    before = revision.down_revision or "base"
    start = before if isinstance(before, str) else before[0]
    try:
        command.upgrade(config, f"{start}:{revision.revision}", sql=True)
    except Exception as error:  # noqa: BLE001  a revision may raise any error
        sys.exit(f"{name(revision)} cannot be printed as SQL: {error!r}. {WAY_OUT}")
    # A merge is printed together with the other branch.
    return f"BEGIN;\n{STEP}{config.output_buffer.getvalue().rpartition(STEP)[2]}"


def warnings(files: dict[Path, Script], excluded_rules: list[str]) -> list[str]:
    """Let squawk read the files, and return a line for each warning."""
    squawk = [str(Path(sys.executable).parent / "squawk"), "--reporter", "json"]
    rules = [f"--exclude={rule}" for rule in excluded_rules]
    done = subprocess.run(  # noqa: S603 -- no part is input
        [*squawk, *rules, *map(str, files)], capture_output=True, text=True, check=False
    )
    if not done.stdout:
        sys.exit(f"squawk failed: {done.stderr}")
    return [
        f"{name(files[Path(warning['file'])])}: {warning['rule_name']}: {warning['message']}"
        f" {warning['help'] or ''}".rstrip()
        for warning in json.loads(done.stdout)
    ]


def main() -> int:
    """Print what is wrong, and return 1 if anything is."""
    config = Config(PROJECT / "alembic.ini")
    script = ScriptDirectory.from_config(config)
    require_one_head(script)
    pyproject = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    settings = pyproject["tool"]["squawk"]
    revisions = [*script.walk_revisions()]
    exceptions = read_exceptions(settings, {revision.revision for revision in revisions})
    with TemporaryDirectory() as folder:
        files = {
            Path(folder, f"{revision.revision}.sql"): revision
            for revision in reversed(revisions)
            if revision.revision not in exceptions
        }
        for file, revision in files.items():
            file.write_text(sql(config, revision), encoding="utf-8")
        found = warnings(files, settings["excluded_rules"]) if files else []
    print("\n".join([*found, WAY_OUT] if found else [f"{len(revisions)} migrations are good"]))
    return min(len(found), 1)


if __name__ == "__main__":
    sys.exit(main())
