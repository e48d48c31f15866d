"""After a connection died without a sign, a consumer reconnects; no message loses an attempt."""

import pytest

from src.repositories.outbox import redelivery
from src.repositories.rabbitmq import connection
from tests.machinery.rabbitmq.amqp import Queues
from tests.machinery.rabbitmq.queue import RabbitMQQueue
from tests.machinery.support.handlers import Handler, SlowHandler
from tests.support.waiting import eventually


@pytest.fixture(autouse=True)
def frequent_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for an answer often, and let the broker notice a lost connection soon."""
    monkeypatch.setattr(connection, "PROBE_SECONDS", 1)
    monkeypatch.setattr(connection, "HEARTBEAT_SECONDS", 2)


def test_a_silent_connection_is_noticed_within_fifteen_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    assert 2 * connection.PROBE_SECONDS + connection.CLOSE_TIMEOUT_SECONDS <= 15
    # RabbitMQ closes a connection that missed two heartbeats, and then redelivers its messages.
    assert redelivery.REDELIVERY_SECONDS > 3 * connection.HEARTBEAT_SECONDS


async def test_a_consumer_leaves_a_silent_connection_long_before_its_heartbeats_end(
    message_queue: RabbitMQQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEARTBEAT_SECONDS", 600)
    async with message_queue.consuming(Handler()) as running:
        message_queue.proxy.mute()
        await eventually(running.has_lost_its_server)
        await eventually(running.consumes)


async def test_a_consumer_handles_new_messages_after_a_silence(
    message_queue: RabbitMQQueue,
) -> None:
    handle = Handler()
    async with message_queue.consuming(handle) as running:
        message_queue.proxy.mute()
        await eventually(running.has_lost_its_server)
        await message_queue.send("after the silence")
        await handle.called(1, seconds=100)
        await eventually(message_queue.is_empty)
    assert handle.attempts == [1]


async def test_a_message_that_was_sent_into_the_silence_is_handled_and_loses_no_attempt(
    message_queue: RabbitMQQueue, queues: Queues
) -> None:
    handle = Handler()
    async with message_queue.consuming(handle):
        message_queue.proxy.mute()
        await queues.send(b'{"data": "last attempt"}', headers={"x-attempt": 3})
        await handle.called(1, seconds=100)
        await eventually(message_queue.is_empty)
    assert handle.attempts == [3]
    assert await message_queue.dead_letters.read() == []


async def test_a_message_in_progress_when_the_connection_falls_silent_loses_no_attempt(
    message_queue: RabbitMQQueue, queues: Queues
) -> None:
    handle = SlowHandler()
    async with message_queue.consuming(handle):
        await queues.send(b'{"data": "last attempt"}', headers={"x-attempt": 3})
        await handle.called(1)
        message_queue.proxy.mute()
        await handle.called(2, seconds=100)
        handle.may_finish.set()
        await eventually(message_queue.is_empty)
    assert handle.attempts == [3, 3]
    assert await message_queue.dead_letters.read() == []
