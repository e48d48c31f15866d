"""Failing messages, as the queues of RabbitMQ show them."""

from aio_pika.abc import HeadersType

from src.repositories.rabbitmq.connection import RabbitMQBroker
from src.repositories.rabbitmq.topology import DELIVERY_LIMIT
from src.usecases.ports.messaging import PermanentError
from tests.machinery.rabbitmq.amqp import Queues
from tests.machinery.rabbitmq.queue import RabbitMQQueue
from tests.machinery.support.handlers import Handler
from tests.support.waiting import eventually


async def test_a_dead_letter_keeps_its_message_and_has_the_reason_in_its_headers(
    message_queue: RabbitMQQueue, queues: Queues
) -> None:
    async with message_queue.consuming(Handler(PermanentError("refused", "no order"))):
        event_id = await queues.send(b"\xff no JSON", request_id="the-request")
        dead = await queues.take(queues.topology.dead_queue)
    assert (dead.body, dead.message_id) == (b"\xff no JSON", event_id)
    assert (dead.correlation_id, dead.headers["x-attempt"]) == ("the-request", 1)
    assert dead.headers["x-reason"] == "refused"
    assert dead.headers["x-error"] == "PermanentError: no order"


async def test_a_message_that_cannot_be_stored_for_a_retry_is_redelivered(
    message_queue: RabbitMQQueue, queues: Queues
) -> None:
    handle = Handler(LookupError("not yet"))
    async with message_queue.consuming(handle):
        await queues.channel.queue_delete(queues.topology.retry_queue(1))
        await message_queue.send("one")
        await handle.called(2)
        await eventually(message_queue.is_empty)
    assert {*handle.data} == {"one"}


async def test_the_broker_dead_letters_a_message_after_its_delivery_limit(
    broker: RabbitMQBroker, message_queue: RabbitMQQueue, queues: Queues
) -> None:
    await message_queue.send("one")

    async def deliver() -> bool:
        async with broker.channel("a worker that dies") as channel:
            queue = await channel.get_queue(queues.topology.queue)
            return await queue.get(fail=False) is not None

    deliveries = 0
    while await deliver():
        deliveries += 1
        assert deliveries <= DELIVERY_LIMIT + 1
    [letter] = await eventually(message_queue.dead_letters.read)
    assert letter.reason == "delivery_limit"
    assert deliveries == DELIVERY_LIMIT + 1


async def test_a_redriven_message_has_no_headers_of_its_former_attempts(
    message_queue: RabbitMQQueue, queues: Queues
) -> None:
    headers: HeadersType = {"x-attempt": 3, "x-reason": "exhausted", "x-error": "LookupError"}
    await queues.send(headers=headers, queue=queues.topology.dead_queue)
    assert await message_queue.dead_letters.redrive(lambda _: True) == 1
    message = await queues.take(queues.topology.queue)
    assert message.body == b'{"data":"one"}'
    assert not message.redelivered
    assert not message.headers.keys() & headers.keys()
