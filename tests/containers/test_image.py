"""The image: what is in it, what is not, and how fast a change of code is built."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.containers.stack import docker, run

if TYPE_CHECKING:
    from tests.containers.stack import Stack

MEGABYTE = 1000**2
EXPECTED = {"alembic.ini", "migrations", "pyproject.toml", "src"}


def inside(stack: Stack, script: str) -> str:
    """Run a script in a container of the image, as its root, without network."""
    options = ("--rm", "--network", "none", "--user", "0", "--entrypoint", "sh")
    return docker("run", *options, stack.folder.name, "-c", script)


def test_hadolint_has_nothing_to_say(stack: Stack) -> None:
    run(str(ROOT / ".venv/bin/hadolint"), str(stack.folder / "Dockerfile"))


def test_it_adds_no_more_than_120_megabytes_to_its_base(production: Stack, base_size: int) -> None:
    added = (production.image()["Size"] - base_size) / MEGABYTE
    print(f"{added:.1f} MB above the base")  # noqa: T201 -- for the documents
    assert added <= 120


def test_only_what_runs_is_in_it(production: Stack) -> None:
    assert set(inside(production, "ls -A /app").split()) == EXPECTED
    found = inside(production, "command -v gcc cc g++ make uv git curl wget || true")
    assert not found
    python = "/opt/venv/bin/python -c"
    packages = inside(
        production, f"{python} 'import pytest' 2>&1; {python} 'import mypy' 2>&1 || true"
    )
    assert packages.count("ModuleNotFoundError") == 2
    caches = r"\( -path '*/.cache/*' -o -path '*/uv/archive*' -o -name '*.whl' \)"
    assert not inside(production, f"find /app /opt /root /home /tmp {caches}")


def test_code_and_packages_belong_to_root_and_everybody_can_read_them(production: Stack) -> None:
    changeable = r"find /app /opt/venv ! -type l \( ! -user 0 -o -perm /022 -o ! -perm -004 \)"
    assert not inside(production, changeable)


def test_no_secret_is_in_a_layer_or_in_the_history(production: Stack) -> None:
    lines = (production.folder / ".env").read_text(encoding="utf-8").splitlines()
    secrets = [line.split("=", 1)[1] for line in lines if re.match(r"\w+_(PASSWORD|KEY)=", line)]
    assert secrets
    name = production.folder.name
    told = docker("history", "--no-trunc", name) + json.dumps(production.image())
    save = subprocess.Popen(("docker", "save", name), stdout=subprocess.PIPE)
    patterns = [word for secret in secrets for word in ("-e", secret)]
    with save:
        found = subprocess.run(
            ("grep", "-a", "-c", "-F", *patterns),
            stdin=save.stdout,
            capture_output=True,
            check=False,
        )
    assert found.stdout.strip() == b"0"
    assert not [secret for secret in secrets if secret in told]


def test_it_says_what_it_is(production: Stack) -> None:
    config = production.image()["Config"]
    labels = config["Labels"]
    assert labels["org.opencontainers.image.title"] == production.folder.name
    assert labels["org.opencontainers.image.licenses"] == "MIT"
    assert labels["org.opencontainers.image.base.name"].endswith("python:3.14-slim")
    assert config["User"] == "10001:10001"
    assert config["Healthcheck"]["Test"][:2] == ["CMD", "python"]
    assert "SECRET" not in json.dumps(config["Env"])


def test_version_and_revision_are_given_to_the_build(production: Stack) -> None:
    tag = f"{production.folder.name}:labelled"
    words = ("--build-arg", "VERSION=1.2.3", "--build-arg", "REVISION=abc")
    docker("build", "--quiet", "--tag", tag, *words, str(production.folder))
    labels = json.loads(docker("image", "inspect", "-f", "{{json .Config.Labels}}", tag))
    docker("image", "rm", tag)
    assert labels["org.opencontainers.image.version"] == "1.2.3"
    assert labels["org.opencontainers.image.revision"] == "abc"


def test_a_change_of_code_is_built_in_five_seconds_and_keeps_the_dependencies(
    production: Stack,
) -> None:
    before = production.image()["RootFS"]["Layers"]
    source = production.folder / "src" / "main.py"
    text = source.read_text(encoding="utf-8")
    source.write_text(text + "# changed\n", encoding="utf-8")
    begun = time.monotonic()
    try:
        production.compose("build")
    finally:
        seconds = time.monotonic() - begun
        source.write_text(text, encoding="utf-8")
    after = production.image()["RootFS"]["Layers"]
    production.compose("build")
    assert after != before
    assert after[:-1] == before[:-1], "only the last layer, the code, is new"
    assert seconds < 5


@pytest.mark.parametrize("buildkit", ["0", "1"])
def test_it_builds_with_buildkit_and_without(production: Stack, buildkit: str) -> None:
    tag = f"{production.folder.name}:buildkit-{buildkit}"
    command = ("docker", "build", "--quiet", "--tag", tag, str(production.folder))
    run(*command, within=300, env={**os.environ, "DOCKER_BUILDKIT": buildkit})
    assert docker("run", "--rm", tag, "python", "-c", "import src.domain; print('runs')") == "runs"
    docker("image", "rm", tag)
