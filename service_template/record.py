"""The record in `.template.json`: what a service was rendered from."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from service_template.questions import ROOT, SOURCES, VERSION
from service_template.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMIT = re.compile(r"[0-9a-f]{40}")
# `cruft update` needs three unchanged lines between the first render, which differs between two
# services of one commit, and the version, which changes with each update.
ABOUT = (
    "What this service was rendered from: the version and the answers of today, and the commit of",
    "the first render if it was known. Updates keep this file current; do not edit it.",
)


def record(answers: Mapping[str, object]) -> str:
    """Return the text of `.template.json`. It contains no secret and no path of this machine."""
    # cruft keeps the commit in .cruft.json. It compares renders of two commits, so that a commit
    # here would differ from the one of a service that was linked later.
    is_of_cruft = "_commit" in answers
    first = {"template": source(str(answers.get("_template", ""))), "commit": commit()}
    return json.dumps(
        {
            "first_render": None if is_of_cruft else first,
            "about": ABOUT,
            "version": VERSION,
            "answers": {question: answers[question] for question in RULES},
        },
        indent=2,
        ensure_ascii=False,
    )


def source(template: str) -> str | None:
    """Return the address of the template without passwords; None for a path of this machine."""
    if re.match(r"(gh|gl|bb):", template) or re.match(r"[\w.-]+@[\w.-]+:", template):
        return template
    address = urlsplit(template)
    if address.scheme not in {"http", "https", "ssh", "git", "git+https", "git+ssh"}:
        return None
    host = address.netloc.rpartition("@")[2]
    return f"{address.scheme}://{host}{address.path}"


def commit() -> str | None:
    """Return the commit that the template's files are from; None if that cannot be known."""
    archived = (ROOT / "service_template" / "commit.txt").read_text(encoding="utf-8").strip()
    if COMMIT.fullmatch(archived):  # `git archive` and GitHub's zip files write it
        return archived
    changed = _git("status", "--porcelain", "--", *SOURCES, ":(exclude,glob)**/__pycache__/**")
    if changed is None or changed.strip() or not _git("ls-files", "cookiecutter.json"):
        return None
    return (_git("rev-parse", "HEAD") or "").strip() or None


def _git(*words: str) -> str | None:
    """Run git on the template; None without git or outside of a repository."""
    # The variables of a hook of git would name another repository.
    environment = {key: text for key, text in os.environ.items() if not key.startswith("GIT_")}
    try:
        done = subprocess.run(
            ("git", "--no-optional-locks", "-C", str(ROOT), *words),
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout
