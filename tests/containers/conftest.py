"""A stack for each variant; without a Docker Engine, the tests are skipped with the reason."""

from __future__ import annotations

import os
import secrets
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.containers.stack import BETWEEN, PRODUCTION, VARIANTS, Stack, docker
from tools.common.docker import docker as try_docker
from tools.common.docker import obstacle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Render

HERE = Path(__file__).parent
# The first test of a stack builds its image, which takes long on a slow machine.
TIMEOUT = 900
# A substitute from the distribution's package, for machines that cannot pull the proxy's image.
SUBSTITUTE = """
FROM python:3.14-slim
RUN apt-get -o Acquire::Check-Valid-Until=false update -q \
 && apt-get install --yes -q --no-install-recommends haproxy
USER haproxy
STOPSIGNAL SIGUSR1
ENTRYPOINT ["sh", "-c", "shift; exec haproxy -W -db \\"$@\\"", "--"]
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder, and skip them where they cannot run."""
    if os.environ.get("SERVERS", "docker") != "docker":
        reason: str | None = "SERVERS excludes Docker"
    else:
        reason = obstacle()
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.containers)
            item.add_marker(pytest.mark.timeout(TIMEOUT))  # a test's own timeout takes precedence
            if reason:
                item.add_marker(pytest.mark.skip(reason=f"no containers here: {reason}"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Test the first start of every variant, and all else of the largest and the smallest."""
    if "stack" in metafunc.fixturenames:
        is_first_start = metafunc.module.__name__.endswith("test_development")
        variants = (*VARIANTS, *BETWEEN) if is_first_start else VARIANTS
        names = [variant.name for variant in variants]
        metafunc.parametrize("stack", variants, indirect=True, ids=names, scope="session")


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest, render: Render) -> Iterator[Stack]:
    """A rendered variant with a unique name and nothing edited; it is removed afterwards."""
    variant = request.param
    slug = f"stack-{variant.name}-{secrets.token_hex(3)}"
    stack = Stack(render(project_slug=slug, **variant.answers), variant)
    yield stack
    stack.down()


@pytest.fixture(scope="module")
def development(stack: Stack) -> Stack:
    """The stack, started as by a user's first command."""
    stack.up()
    return stack


@pytest.fixture(scope="module")
def production(stack: Stack) -> Stack:
    """The stack, started without the development file."""
    stack.up(files=PRODUCTION)
    return stack


@pytest.fixture(scope="session")
def haproxy() -> Iterator[None]:
    """Pull the proxy's image; if that fails, build a substitute and remove it afterwards."""
    image = "haproxy:3.2"
    for question in (("image", "inspect"), ("pull", "--quiet")):
        if try_docker(*question, image, within=300).returncode == 0:
            yield
            return
    build = ("docker", "build", "--quiet", "--tag", image, "-")
    subprocess.run(build, input=SUBSTITUTE, text=True, check=True, timeout=300)
    yield
    docker("image", "rm", image)
