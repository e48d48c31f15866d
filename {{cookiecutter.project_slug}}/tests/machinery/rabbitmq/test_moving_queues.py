"""Moving messages into queues with the right arguments and bindings."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest
from aio_pika import DeliveryMode, Message
from aio_pika.abc import HeadersType
from aio_pika.exceptions import DeliveryError

from src import manage
from src.config import PostgresSettings
from src.repositories.rabbitmq import mover
from src.repositories.rabbitmq.connection import RabbitMQBroker
from src.repositories.rabbitmq.declarer import Declarer
from src.repositories.rabbitmq.mover import QueueInUseError, QueueMover
from src.repositories.rabbitmq.topology import UNLIMITED
from src.utils.settings import Settings
from tests.machinery.rabbitmq.amqp import Queues
from tests.machinery.rabbitmq.queue import RabbitMQQueue
from tests.machinery.support.handlers import Handler
from tests.machinery.support.messages import EVENT_TYPE
from tests.support.waiting import eventually

FORMER = "machinery.former.v1"


@pytest.fixture
def queue_mover(broker: RabbitMQBroker, queues: Queues) -> QueueMover:
    """A command of this version, as a process of its own runs it."""
    return QueueMover(broker=broker, declarer=Declarer(topology=queues.topology))


async def are_right(queues: Queues) -> bool:
    """Tell whether each queue has the arguments of this version."""
    declarer = Declarer(topology=queues.topology)
    right = [await declarer.declare_queue(queues.connection, it) for it in queues.topology.queues]
    return all(right)


async def publish(queues: Queues, event_type: str, event_id: str) -> None:
    """Publish an event. Raises `DeliveryError` if no queue gets it."""
    exchange = await queues.channel.get_exchange(queues.topology.exchange, ensure=False)
    message = Message(b"{}", message_id=event_id, delivery_mode=DeliveryMode.PERSISTENT)
    await exchange.publish(message, event_type)


async def ids(queues: Queues, name: str) -> list[str]:
    """Take all messages of a queue, and return their ids."""
    messages = [await queues.take(name) for _ in range(await queues.count(name))]
    return [str(message.message_id) for message in messages]


async def test_messages_move_with_their_headers_and_in_their_order(
    queue_mover: QueueMover, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mover, "BATCH_SIZE", 3)
    sent: dict[str, list[str]] = {}
    for name in queues.names:
        if ".retry." not in name:
            await queues.replace_by_a_former_one(name)
        sent[name] = []
    for name in (queues.topology.queue, queues.topology.dead_queue):
        for number in range(7):
            headers: HeadersType = {"x-attempt": number, "x-reason": "exhausted"}
            sent[name].append(await queues.send(queue=name, headers=headers))
    assert not await are_right(queues)
    moved = await queue_mover.move()
    assert moved == {queues.topology.dead_queue: 7, queues.topology.queue: 7}
    assert await are_right(queues)
    for name in moved:
        messages = [await queues.take(name) for _ in range(7)]
        assert [message.message_id for message in messages] == sent[name]
        assert [message.headers["x-attempt"] for message in messages] == list(range(7))
        assert await queues.consumers(f"{name}.moving") is None


async def test_a_retry_queue_that_differs_delivers_its_messages_after_the_move(
    queue_mover: QueueMover, queues: Queues
) -> None:
    name = queues.topology.retry_queue(1)
    await queues.replace_by_a_former_one(name)
    event_id = await queues.send(queue=name)
    await queue_mover.move()
    message = await queues.take(queues.topology.queue)
    assert message.message_id == event_id


async def test_bindings_that_no_subscription_has_any_more_are_removed(
    queue_mover: QueueMover, queues: Queues
) -> None:
    queue = await queues.channel.get_queue(queues.topology.queue)
    await queue.bind(queues.topology.exchange, FORMER)
    await publish(queues, FORMER, "before")
    assert await queue_mover.move() == {queues.topology.queue: 1}
    with pytest.raises(DeliveryError):
        await publish(queues, FORMER, "after")
    await publish(queues, EVENT_TYPE, "subscribed")
    assert await ids(queues, queues.topology.queue) == ["before", "subscribed"]


async def test_bindings_to_exchanges_of_other_services_are_kept(
    broker: RabbitMQBroker, queues: Queues
) -> None:
    name = queues.topology.name
    foreign = await queues.channel.declare_exchange(f"{name}-orders", durable=True)
    subscriptions = [(foreign.name, EVENT_TYPE), (f"{name}-missing", EVENT_TYPE)]
    topology = replace(queues.topology, foreign=subscriptions)
    await QueueMover(broker=broker, declarer=Declarer(topology=topology)).move()
    await foreign.publish(Message(b"{}", message_id="foreign"), EVENT_TYPE)
    await queues.channel.exchange_delete(foreign.name)
    assert await ids(queues, topology.queue) == ["foreign"]


async def test_no_event_that_is_published_during_moves_is_lost(
    queue_mover: QueueMover, queues: Queues
) -> None:
    published: list[str] = []
    has_moved = asyncio.Event()

    async def publish_all() -> None:
        while not has_moved.is_set():
            event_id = str(uuid4())
            await publish(queues, EVENT_TYPE, event_id)
            published.append(event_id)
            await asyncio.sleep(0.01)  # slower than a move

    publishing = asyncio.create_task(publish_all())
    for _ in range(3):
        await queue_mover.move()
    has_moved.set()
    await publishing
    assert published
    assert {*await ids(queues, queues.topology.queue)} == {*published}


@pytest.mark.parametrize("is_deleted", [False, True])
async def test_an_interrupted_move_is_completed_by_the_next_one(
    queue_mover: QueueMover, queues: Queues, is_deleted: bool
) -> None:
    topology = queues.topology
    sent = {}
    for name in (topology.queue, topology.dead_queue):
        temporary = f"{name}.moving"
        bindings = next(queue.bindings for queue in topology.queues if queue.name == name)
        options = {"x-delivery-limit": UNLIMITED}
        declaration = topology.bound_by_name(temporary, options, bindings)
        await Declarer(topology=topology).declare_queue(queues.connection, declaration)
        sent[name] = [await queues.send(queue=temporary)]
        if is_deleted:
            await queues.channel.queue_delete(name)
        sent[name].append(await queues.send(queue=name))  # doubled: both queues get it
    await queue_mover.move()
    for name, event_ids in sent.items():
        assert {*await ids(queues, name)} == {*event_ids}
        assert await queues.consumers(f"{name}.moving") is None


async def test_a_move_is_refused_while_a_worker_consumes(
    queue_mover: QueueMover, message_queue: RabbitMQQueue, queues: Queues
) -> None:
    await queues.replace_by_a_former_one(queues.topology.queue)
    handle = Handler()
    async with message_queue.consuming(handle):
        with pytest.raises(QueueInUseError, match="1 consumers: stop the workers first"):
            await queue_mover.move()
        await message_queue.send("one")
        await handle.called(1)
    assert not await are_right(queues)


async def test_a_move_is_refused_while_another_command_reads_the_dead_letters(
    queue_mover: QueueMover, queues: Queues
) -> None:
    name = queues.topology.dead_queue
    await queues.replace_by_a_former_one(name)
    event_id = await queues.send(queue=name)
    queue = await queues.channel.get_queue(name)
    message = await queue.get()
    with pytest.raises(QueueInUseError, match=name):
        await queue_mover.move()
    await message.reject(requeue=True)
    assert (await queues.take(name)).message_id == event_id


async def test_the_operators_command_moves_the_queues_of_the_service(
    settings: Settings,
    service_queue: RabbitMQQueue,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("POSTGRES_DB", settings[PostgresSettings].db)
    arguments = manage.command_line().parse_args(["move-queue"])
    name = service_queue.queues.topology.queue
    await service_queue.queues.replace_by_a_former_one(name)
    async with service_queue.consuming(Handler()):
        with pytest.raises(SystemExit, match=f"{name} has 1 consumers: stop the workers first"):
            await manage.run(arguments)
    await service_queue.send("one")
    await manage.run(arguments)
    assert f"{name}: 1 messages moved\n" in capsys.readouterr().out
    handle = Handler()
    async with service_queue.consuming(handle):
        await handle.called(1)
        await eventually(service_queue.is_empty)
    assert await are_right(service_queue.queues)
