"""Two checkouts of one name on one machine: no container, volume or image is shared."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.containers.stack import VARIANTS, Stack

if TYPE_CHECKING:
    from tests.conftest import Render


def resolved(stack: Stack) -> dict[str, Any]:
    """Return the project as Compose reads it."""
    found: dict[str, Any] = json.loads(stack.compose("config", "--format", "json"))
    return found


def test_removing_the_second_checkout_leaves_the_first_alone(render: Render) -> None:
    """The second is rendered while the first runs, so it also gets other ports."""
    smallest = VARIANTS[-1]
    first = Stack(render(project_slug="checkouts", **smallest.answers), smallest)
    second = None
    try:
        first.compose("up", "--detach", "--wait", "db")
        second = Stack(render(project_slug="checkouts", **smallest.answers), smallest)
        assert first.folder.name == second.folder.name
        second.compose("up", "--detach", "--wait", "db")
        configurations = [resolved(stack) for stack in (first, second)]
        images = {found["services"]["migrate"]["image"] for found in configurations}
        volumes = {found["volumes"]["db_data"]["name"] for found in configurations}
        assert len(images) == len(volumes) == 2
        running = first.inspect("db")
        second.compose("down", "--volumes")
        assert first.inspect("db")["Id"] == running["Id"]
        assert first.sql("SELECT 1") == "1"
    finally:
        for stack in filter(None, (first, second)):
            stack.compose("down", "--volumes")
