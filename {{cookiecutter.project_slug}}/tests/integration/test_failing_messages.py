"""Messages whose handler fails: they wait and come back, or end with the dead letters."""

from datetime import UTC, datetime

from src.repositories.rabbitmq.connection import RabbitMQBroker
from src.repositories.rabbitmq.topology import DELIVERY_LIMIT
from src.usecases.ports.messaging import PermanentError
from src.usecases.ports.unit_of_work import DatabaseBusyError, DatabaseUnavailableError
from tests.support.amqp import Queues
from tests.support.consuming import Consuming
from tests.support.handlers import Handler, SlowHandler
from tests.support.waiting import eventually


async def test_a_failing_message_waits_in_the_retry_queue_and_comes_back_as_attempt_2(
    consuming: Consuming, queues: Queues
) -> None:
    handle = Handler(LookupError("not yet"))
    async with consuming(handle):
        await queues.send(b"one", request_id="the-request")
        await handle.called(1)
        waiting = queues.topology.retry_queue(1)

        async def waits() -> int:
            return await queues.count(waiting)

        await eventually(waits)
        assert handle.bodies == [b"one"]
        await handle.called(2)
    assert handle.bodies == [b"one", b"one"]
    assert [context["attempt"] for context in handle.contexts] == [1, 2]
    assert handle.contexts[1]["request_id"] == "the-request"
    assert handle.contexts[1]["event_id"] == handle.contexts[0]["event_id"]
    assert await queues.count(queues.topology.dead_queue) == 0


async def test_a_message_that_fails_at_every_attempt_ends_with_the_dead_letters(
    consuming: Consuming, queues: Queues
) -> None:
    handle = Handler(*(LookupError(f"attempt {n}") for n in (1, 2, 3)))
    before = datetime.now(UTC)
    async with consuming(handle):
        event_id = await queues.send(b"poison")
        dead = await queues.take(queues.topology.dead_queue, seconds=8)
    assert [context["attempt"] for context in handle.contexts] == [1, 2, 3]
    assert (dead.body, dead.message_id) == (b"poison", event_id)
    assert dead.headers["x-reason"] == "exhausted"
    assert dead.headers["x-error"] == "LookupError: attempt 3"
    assert dead.headers["x-attempt"] == 3
    first_seen = datetime.fromisoformat(str(dead.headers["x-first-seen"]))
    assert 0 <= (first_seen - before).total_seconds() < 1


async def test_a_message_that_can_never_be_handled_is_with_the_dead_letters_at_once(
    consuming: Consuming, queues: Queues
) -> None:
    handle = Handler(PermanentError("unknown", "Nothing handles this."))
    async with consuming(handle):
        await queues.send(b"poison")
        dead = await queues.take(queues.topology.dead_queue)
    assert len(handle.bodies) == 1
    assert dead.headers["x-reason"] == "unknown"
    assert dead.headers["x-error"] == "PermanentError: Nothing handles this."
    assert dead.headers["x-attempt"] == 1


async def test_a_long_error_is_cut_to_what_a_header_can_bear(
    consuming: Consuming, queues: Queues
) -> None:
    async with consuming(Handler(PermanentError("undecodable", "x" * 600))):
        await queues.send(b"poison")
        dead = await queues.take(queues.topology.dead_queue)
    assert len(str(dead.headers["x-error"])) == 500


async def test_a_handler_that_takes_too_long_has_failed(
    consuming: Consuming, queues: Queues
) -> None:
    handle = SlowHandler()
    async with consuming(handle, handler_timeout_seconds=0.1):
        await queues.send(b"one")
        await handle.called(2)
        handle.may_finish.set()
    assert [context["attempt"] for context in handle.contexts] == [1, 2]


async def test_an_attempt_counts_if_the_database_was_there_but_busy_and_not_if_it_was_away(
    consuming: Consuming, queues: Queues
) -> None:
    handle = Handler(DatabaseUnavailableError("away"), DatabaseBusyError("it took too long"))
    async with consuming(handle):
        await queues.send(b"one")
        await handle.called(3)
    assert [context["attempt"] for context in handle.contexts] == [1, 1, 2]


async def test_a_message_that_cannot_be_put_off_is_not_lost(
    consuming: Consuming, queues: Queues
) -> None:
    handle = Handler(LookupError("not yet"))
    async with consuming(handle):
        await queues.channel.queue_delete(queues.topology.retry_queue(1))
        await queues.send(b"one")
        await handle.called(2)
    assert handle.bodies == [b"one", b"one"]
    assert await queues.count(queues.topology.queue) == 0


async def test_a_message_that_kills_its_worker_each_time_ends_with_the_dead_letters(
    broker: RabbitMQBroker, queues: Queues
) -> None:
    await queues.send(b"poison")

    async def take_it_and_die() -> bool:
        async with broker.channel("a worker that will die") as channel:
            queue = await channel.get_queue(queues.topology.queue)
            return await queue.get(fail=False) is None

    deliveries = 0
    while not await take_it_and_die():
        deliveries += 1
        assert deliveries <= DELIVERY_LIMIT + 1
    dead = await queues.take(queues.topology.dead_queue)
    assert dead.body == b"poison"
    assert deliveries == DELIVERY_LIMIT + 1
