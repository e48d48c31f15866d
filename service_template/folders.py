"""Checks of folders: where cookiecutter and the render will write."""

from __future__ import annotations

import json
import os
import runpy
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service_template.questions import CHOICES, ROOT, SERVICE, YES_AND_NO

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def write_problem(folder: Path) -> str | None:
    """Return the reason why no file can be written below a folder, or None."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        # A trial write finds missing permissions, read-only disks and a file in the folder's place.
        with tempfile.TemporaryDirectory(dir=existing):
            return None
    except OSError as error:
        return f"Cannot write to {existing} ({error.strerror})"


def output_problem(output: str) -> str | None:
    """Return a message if the output folder cannot be written to, or None."""
    problem = write_problem(Path(output).absolute())
    return problem and f"{problem}: choose another --output-dir."


def replay_problem(folder: str) -> str | None:
    """Return a message if cookiecutter could not write its replay file after the last question."""
    if folder.startswith("~"):
        return "HOME is not set, and cookiecutter stores its replay files there: set HOME."
    problem = write_problem(Path(folder).absolute())
    return problem and (
        f"{problem}, where cookiecutter stores its replay files: set HOME to a folder that you "
        "can write to."
    )


def existing_problem(folder: Path, *, is_overwritten: bool) -> str | None:
    """Return a message about `project_slug` if the folder of the service is not free, or None."""
    if not os.path.lexists(folder):
        return None
    if not is_overwritten:
        return f"{folder} already exists: choose another project_slug or add --overwrite-if-exists."
    return None if folder.is_dir() else f"{folder} is not a folder: choose another project_slug."


def template_files() -> list[str]:
    """List the files of the service, with all options, relative to its folder."""
    service = ROOT / SERVICE
    return sorted(
        str(path.relative_to(service))
        for path in service.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )


def _files_of_options() -> Iterator[tuple[str, object, str]]:
    """Yield each option's question, answer and files, from the manifest of the hook."""
    manifest = runpy.run_path(str(ROOT / "hooks" / "post_gen_project.py"))["MANIFEST"]
    files = template_files()
    for (question, answer), paths in manifest.items():
        for path in paths:
            for file in files:
                if file == path or file.startswith(f"{path}/"):
                    yield question, answer, file


def switch_problem(folder: Path, question: str, answer: object) -> str | None:
    """Return a message if a render over a service would remove one of its files, or None.

    The code of the service may import the file, so it stays.
    """
    if question not in CHOICES or not folder.is_dir():
        return None
    for asked, other, file in _files_of_options():
        if asked == question and other != answer and os.path.lexists(folder / file):
            yes_or_no = {True: "yes", False: "no"}
            needed = yes_or_no[bool(other)] if CHOICES[asked] == YES_AND_NO else other
            return (
                f"must be {needed}, as {folder} has {file}, which this render would remove. "
                "To switch an option, see docs/updating.md of the template."
            )
    return None


def recorded_problem(service: Path, question: str, answer: object) -> str | None:
    """Return a message if an update or a link contradicts what the service records, or None."""
    try:
        state = json.loads((service / ".cruft.json").read_text(encoding="utf-8"))
        recorded: Mapping[str, Any] = state["context"]["cookiecutter"]
    except (OSError, ValueError, KeyError):
        return _link_problem(service, question, answer)
    slug = recorded.get("project_slug")
    if question != "project_slug" or slug is None or slug == answer:
        return None
    return (
        f"cannot change from '{slug}' to '{answer}': the names of the queues, the database and "
        "the issuer of the tokens contain it. Render a new service under the new name."
    )


def _link_problem(service: Path, question: str, answer: object) -> str | None:
    try:
        record = json.loads((service / ".template.json").read_text(encoding="utf-8"))
        recorded = record["answers"][question]
    except (OSError, ValueError, KeyError):
        return None
    if recorded == answer:
        return None
    return f"is {recorded!r} in .template.json, not {answer!r}: link with the recorded answers."
