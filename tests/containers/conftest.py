"""A stack for each variant, and the reason if there is no Docker Engine to start it."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.containers.stack import BETWEEN, PRODUCTION, VARIANTS, Stack
from tools.containers import obstacle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Render

HERE = Path(__file__).parent
# The first test that wants a stack builds its image, and a slow machine is no failure.
PATIENCE = 900


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests here, and skip them where they cannot run."""
    if os.environ.get("SERVERS", "docker") != "docker":
        reason: str | None = "SERVERS asks for others than Docker's"
    else:
        reason = obstacle()
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.containers)
            item.add_marker(pytest.mark.timeout(PATIENCE))  # where a test has none of its own
            if reason:
                item.add_marker(pytest.mark.skip(reason=f"no containers here: {reason}"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Start every variant as its user would, and look closer at the largest and the smallest."""
    if "stack" in metafunc.fixturenames:
        is_first_start = metafunc.module.__name__.endswith("test_development")
        variants = (*VARIANTS, *BETWEEN) if is_first_start else VARIANTS
        names = [variant.name for variant in variants]
        metafunc.parametrize("stack", variants, indirect=True, ids=names, scope="session")


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest, render: Render) -> Iterator[Stack]:
    """Render a variant under a name of its own, with nothing edited, and remove it afterwards."""
    variant = request.param
    slug = f"stack-{variant.name}-{secrets.token_hex(3)}"
    stack = Stack(render(project_slug=slug, **variant.answers), variant)
    yield stack
    stack.down()


@pytest.fixture(scope="module")
def development(stack: Stack) -> Stack:
    """Have the stack up as the first command of a user starts it."""
    stack.up()
    return stack


@pytest.fixture(scope="module")
def production(stack: Stack) -> Stack:
    """Have the stack up without what is for development."""
    stack.up(files=PRODUCTION)
    return stack
