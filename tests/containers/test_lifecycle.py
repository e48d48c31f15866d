"""Stopped, killed and started again in any order: everything comes back, and nothing is lost."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING

import pytest

from tests.containers.stack import docker, eventually

if TYPE_CHECKING:
    from tests.containers.stack import Stack

# An API without its cache or its broker goes on; what it promised is kept until they are back.
APPS = ("micro_service", "consume_worker")


def orders(stack: Stack) -> list[tuple[str, ...]]:
    """List all orders of the servers and of the service, whose two parts start together."""
    return list(itertools.permutations([*stack.variant.servers, "service"]))


def start(stack: Stack, order: tuple[str, ...]) -> None:
    """Start containers one by one, as Docker does after a power cut: nothing waits for another."""
    for name in order:
        for service in APPS if name == "service" else (name,):
            docker("start", *stack.containers(service))


def works(stack: Stack) -> None:
    """Insist that users can register and are welcomed."""
    eventually("a user can register", stack.register)
    stack.settle()


def test_whatever_is_restarted_stopped_or_killed_nothing_is_lost(production: Stack) -> None:
    verbs = ("restart", "stop", "kill")
    actions = list(itertools.product(verbs, sorted(production.variant.services)))
    random.Random(7).shuffle(actions)  # noqa: S311 -- any order will do, the same each time
    for verb, service in actions:
        production.register()
        production.compose(verb, service)
        production.register()
        if verb != "restart":
            production.compose("start", service)
        eventually(f"a user can register after {verb} {service}", production.register)
    eventually("everything is healthy", production.is_healthy)
    production.settle()


def test_whatever_crashes_comes_back_by_itself(production: Stack) -> None:
    for service in sorted(production.variant.services):
        production.register()
        production.crash(service)
        eventually(f"a user can register after {service} crashed", production.register)
        eventually(f"all is healthy after {service} crashed", production.is_healthy)
    production.settle()


@pytest.mark.timeout(1800)
def test_it_starts_in_every_order_after_a_power_cut(production: Stack) -> None:
    names = [*APPS, *production.variant.servers]
    everything = [name for service in names for name in production.containers(service)]
    for order in orders(production):
        assert production.register()
        docker("kill", *everything)
        start(production, order)
        works(production)
    assert not production.missing()


def test_after_down_and_up_the_data_is_there(production: Stack) -> None:
    eventually("a user can register", production.register)
    users = production.sql("SELECT count(*) FROM users")
    production.compose("down")
    production.up(files=production.files)
    assert production.sql("SELECT count(*) FROM users") == users
    works(production)


def test_an_event_that_waits_for_a_stopped_worker_or_broker_arrives(production: Stack) -> None:
    for service in {"consume_worker", "rabbitmq"} & production.variant.services:
        production.compose("stop", service)
        assert production.register()
        assert production.missing()
        production.compose("start", service)
        production.settle()
