"""Lifecycle: after stops, kills and starts in any order the stack recovers and loses nothing."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING

import pytest

from tests.containers.stack import docker
from tools.common.waiting import eventually

if TYPE_CHECKING:
    from tests.containers.stack import Stack

TIMEOUT = 120
# The API works without its cache and its broker: events wait until these are back.
APPS = ("micro_service", "consume_worker")


def orders(stack: Stack) -> list[tuple[str, ...]]:
    """Return all orders of the servers and of the service; its two parts start together."""
    return list(itertools.permutations([*stack.variant.servers, "service"]))


def start(stack: Stack, order: tuple[str, ...]) -> None:
    """Start containers one by one without waiting, as Docker does after a power failure."""
    for name in order:
        for service in APPS if name == "service" else (name,):
            docker("start", *stack.containers(service))


def require_working(stack: Stack) -> None:
    """Require that a user can register and gets a notification."""
    eventually("a user can register", stack.register, TIMEOUT)
    stack.settle()


def test_no_restart_stop_or_kill_of_a_service_loses_a_user_or_an_event(production: Stack) -> None:
    verbs = ("restart", "stop", "kill")
    actions = list(itertools.product(verbs, sorted(production.variant.services)))
    random.Random(7).shuffle(actions)  # noqa: S311 -- a fixed, arbitrary order
    for verb, service in actions:
        production.register()
        production.compose(verb, service)
        production.register()
        if verb != "restart":
            production.compose("start", service)
        what = f"a user can register after {verb} {service}"
        eventually(what, production.register, TIMEOUT)
    eventually("all services are healthy", production.is_healthy, TIMEOUT)
    production.settle()


def test_every_service_that_crashes_recovers_without_help(production: Stack) -> None:
    for service in sorted(production.variant.services):
        production.register()
        production.crash(service)
        after = f"after {service} crashed"
        eventually(f"a user can register {after}", production.register, TIMEOUT)
        eventually(f"all is healthy {after}", production.is_healthy, TIMEOUT)
    production.settle()


@pytest.mark.timeout(1800)
def test_the_stack_starts_in_every_order_after_a_power_failure(production: Stack) -> None:
    names = [*APPS, *production.variant.servers]
    containers = [name for service in names for name in production.containers(service)]
    for order in orders(production):
        assert production.register()
        docker("kill", *containers)
        start(production, order)
        require_working(production)
    assert not production.missing()


def test_data_survives_compose_down_and_up(production: Stack) -> None:
    eventually("a user can register", production.register, TIMEOUT)
    users = production.sql("SELECT count(*) FROM users")
    production.compose("down")
    production.up(files=production.files)
    assert production.sql("SELECT count(*) FROM users") == users
    require_working(production)


def test_an_event_is_handled_after_a_stopped_worker_or_broker_starts_again(
    production: Stack,
) -> None:
    for service in {"consume_worker", "rabbitmq"} & production.variant.services:
        production.compose("stop", service)
        assert production.register()
        assert production.missing()
        production.compose("start", service)
        production.settle()
