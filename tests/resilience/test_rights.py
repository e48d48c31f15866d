"""RabbitMQ users with rights on names that begin with the service's name, and on no others.

tests/test_variants.py runs the suites of the service as such a user.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import aio_pika
import pytest

from tests.resilience import amqp, checker, report
from tools.common.errors import ToolError
from tools.common.processes import run_in_service
from tools.common.waiting import eventually
from tools.servers.clients import connect_rabbitmq
from tools.servers.rights import limited_user

if TYPE_CHECKING:
    from pathlib import Path

    from tests.resilience.conftest import NewRunner
    from tools.servers.running import Servers

pytestmark = pytest.mark.beside_others

FOREIGN_EVENT = "customer.joined.v1"
CONSUMER = '''"""A consumer of another service's event."""

from src.consumers.subscription import Subscription
from src.consumers.write_welcome import UserRegisteredV1, write_welcome

subscription = Subscription(
    "customer.joined.v1", UserRegisteredV1, write_welcome, exchange="EXCHANGE"
)
'''


def test_a_missing_exchange_of_another_service_stops_no_own_event_and_is_bound_once_it_is_there(
    new_runner: NewRunner, changed: Path, servers: Servers
) -> None:
    exchange = f"customers-{uuid4().hex[:8]}.events"
    add_consumer(changed, exchange)
    user = limited_user(servers.rabbitmq, "resilience-", readable="customers-")
    runner = new_runner(changed, **user)
    runner.consumer()
    eventually("it is missing", lambda: bool(runner.log_lines("exchange_unavailable")))
    runner.produce(20)
    verdict = checker.verdict(runner)
    report.note("own events while a foreign exchange is missing", verdict)
    assert verdict.is_clean, verdict
    assert runner.log_lines("broker_unavailable") == []
    assert runner.log_lines("relay_waiting") == []
    asyncio.run(declare(servers, exchange))
    eventually("it is bound", lambda: bool(runner.log_lines("exchange_bound")))
    user_id = str(uuid4())
    asyncio.run(publish(servers, exchange, amqp.event(FOREIGN_EVENT, user_id=user_id)))
    statement = f"SELECT count(*) FROM notifications WHERE user_id = '{user_id}'"  # noqa: S608
    eventually("its event has its effect", lambda: checker.count(runner, statement) == 1)
    [line] = runner.log_lines("exchange_unavailable")
    assert line["exchange"] == exchange


def test_a_move_without_a_right_that_it_needs_changes_nothing(
    new_runner: NewRunner, changed: Path, servers: Servers
) -> None:
    exchange = f"secret-{uuid4().hex[:8]}.events"
    add_consumer(changed, exchange)
    runner = new_runner(changed, **limited_user(servers.rabbitmq, "resilience-"))
    runner.terminate(runner.consumer())
    amqp.publish(runner, amqp.event("user.registered.v1", user_id=str(uuid4())))
    with pytest.raises(ToolError, match=f"access to exchange '{exchange}' .* refused"):
        run_in_service(changed, runner.python, "-m", "src.manage", "move-queue", **runner.settings)
    assert amqp.length(runner, f"{runner.name}.consume_worker") == 1
    with pytest.raises(aio_pika.exceptions.ChannelNotFoundEntity):
        amqp.length(runner, f"{runner.name}.consume_worker.moving")


def add_consumer(service: Path, exchange: str) -> None:
    """Subscribe a service to an event of another one."""
    consumer = service / "src/consumers/customer_joined.py"
    consumer.write_text(CONSUMER.replace("EXCHANGE", exchange), encoding="utf-8")


async def declare(servers: Servers, exchange: str) -> None:
    """Declare an exchange as another service does, with a user of its own."""
    async with await connect_rabbitmq(servers.environment()) as connection:
        channel = await connection.channel()
        await channel.declare_exchange(exchange, aio_pika.ExchangeType.TOPIC, durable=True)


async def publish(servers: Servers, exchange: str, event: dict[str, object]) -> None:
    """Publish an event of another service."""
    async with await connect_rabbitmq(servers.environment()) as connection:
        channel = await connection.channel(on_return_raises=True)
        target = await channel.get_exchange(exchange)
        await target.publish(amqp.to_message(event), FOREIGN_EVENT)
