"""The image: its contents, its labels, and the time to rebuild it after a change of code."""

from __future__ import annotations

import json
import os
import re
import tarfile
import time
from io import BytesIO
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.containers.stack import docker
from tools.common.processes import run

if TYPE_CHECKING:
    from tests.containers.stack import Stack

BASE = "python:3.14-slim"
MEGABYTE = 1000**2
EXPECTED = {"alembic.ini", "migrations", "pyproject.toml", "src"}


@pytest.fixture(scope="module")
def added(production: Stack, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, bytes]]:
    """All files of all layers above the base image, overwritten ones included."""
    base = json.loads(docker("image", "inspect", BASE, "--format", "{{json .RootFS.Layers}}"))
    saved = tmp_path_factory.mktemp("image") / "saved.tar"
    docker("save", "--output", str(saved), production.image_name, within=300)
    files = []
    with tarfile.open(saved) as image:
        layers = json.loads(read(image, "manifest.json"))[0]["Layers"][len(base) :]
        for layer in layers:  # Docker's storage decides whether it is compressed
            with tarfile.open(fileobj=BytesIO(read(image, layer))) as archive:
                files += [(m.name, read(archive, m)) for m in archive if m.isfile()]
    saved.unlink()
    return files


def read(archive: tarfile.TarFile, member: str | tarfile.TarInfo) -> bytes:
    """Return the content of an archive's file."""
    file = archive.extractfile(member)
    assert file
    return file.read()


def inside(stack: Stack, script: str) -> str:
    """Run a script in a container of the image, as root and without network."""
    options = ("--rm", "--network", "none", "--user", "0", "--entrypoint", "sh")
    return docker("run", *options, stack.image_name, "-c", script)


def test_the_dockerfile_passes_hadolint(stack: Stack) -> None:
    run(str(ROOT / ".venv/bin/hadolint"), str(stack.folder / "Dockerfile"))


def test_the_image_adds_at_most_the_documented_size_and_at_most_120_megabytes(
    production: Stack, added: list[tuple[str, bytes]]
) -> None:
    size = sum(len(content) for _, content in added) / MEGABYTE
    text = (production.folder / "docs" / "deployment.md").read_text(encoding="utf-8")
    documented = int(re.findall(r"at most (\d+) MB", text)[0])
    assert 0 < size <= documented <= 120


def test_the_image_contains_no_build_tools_tests_or_caches(production: Stack) -> None:
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


def test_code_and_packages_belong_to_root_and_are_readable_by_all(production: Stack) -> None:
    changeable = r"find /app /opt/venv ! -type l \( ! -user 0 -o -perm /022 -o ! -perm -004 \)"
    assert not inside(production, changeable)


def test_no_secret_is_in_a_layer_or_in_the_history(
    production: Stack, added: list[tuple[str, bytes]]
) -> None:
    secrets = [secret.encode() for secret in production.secrets.values()]
    assert "app/src/main.py" in dict(added)
    assert not [name for name, content in added if any(secret in content for secret in secrets)]
    history = docker("history", "--no-trunc", production.image_name) + json.dumps(
        production.image()
    )
    assert not [name for name, secret in production.secrets.items() if secret in history]


def test_the_image_has_the_labels_user_and_health_check_that_describe_it(production: Stack) -> None:
    config = production.image()["Config"]
    labels = config["Labels"]
    assert labels["org.opencontainers.image.title"] == production.folder.name
    assert labels["org.opencontainers.image.licenses"] == "MIT"
    assert config["User"] == "10001:10001"
    assert config["Healthcheck"]["Test"][:2] == ["CMD", "python"]
    assert "SECRET" not in json.dumps(config["Env"])


def test_version_and_revision_become_labels_of_the_image(production: Stack) -> None:
    tag = f"{production.folder.name}:labelled"
    words = ("--build-arg", "VERSION=1.2.3", "--build-arg", "REVISION=abc")
    docker("build", "--quiet", "--tag", tag, *words, str(production.folder))
    labels = json.loads(docker("image", "inspect", "-f", "{{json .Config.Labels}}", tag))
    docker("image", "rm", tag)
    assert labels["org.opencontainers.image.version"] == "1.2.3"
    assert labels["org.opencontainers.image.revision"] == "abc"


def test_a_change_of_code_rebuilds_the_last_layer_only_in_five_seconds(
    production: Stack,
) -> None:
    before = production.image()["RootFS"]["Layers"]
    source = production.folder / "src" / "main.py"
    text = source.read_text(encoding="utf-8")
    seconds = []
    try:
        for number in range(3):  # the machine may be busy during one of them
            source.write_text(f"{text}# changed {number}\n", encoding="utf-8")
            begun = time.monotonic()
            production.compose("build")
            seconds.append(time.monotonic() - begun)
        after = production.image()["RootFS"]["Layers"]
    finally:
        source.write_text(text, encoding="utf-8")
        production.compose("build")
    assert after != before
    assert after[:-1] == before[:-1], "only the last layer, the code, is new"
    assert min(seconds) < 5


@pytest.mark.parametrize(
    ("buildkit", "cache"), [("0", True), ("1", True), ("1", False)], ids=["0", "1", "1-no-cache"]
)
def test_the_image_builds_with_and_without_buildkit_and_without_a_cache(
    production: Stack, buildkit: str, cache: bool
) -> None:
    tag = f"{production.folder.name}:buildkit"
    words = ("--quiet", "--tag", tag) if cache else ("--quiet", "--tag", tag, "--no-cache")
    environment = {**os.environ, "DOCKER_BUILDKIT": buildkit}
    run("docker", "build", *words, str(production.folder), within=500, environment=environment)
    assert docker("run", "--rm", tag, "python", "-c", "import src.domain; print('runs')") == "runs"
    docker("image", "rm", tag)
