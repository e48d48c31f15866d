"""Dead letters: they can be looked at, and given another chance."""

import sys
from uuid import uuid4

import pytest
from aio_pika.abc import HeadersType

from src import manage
from src.config import Settings
from src.repositories.rabbitmq.connection import RabbitMQBroker
from src.repositories.rabbitmq.dead_letters import RabbitMQDeadLetters
from src.repositories.rabbitmq.topology import DELIVERY_LIMIT, Topology
from src.usecases.ports.messaging import DeadLetter
from tests.support.amqp import Queues

HEADERS: HeadersType = {
    "x-reason": "exhausted",
    "x-error": "LookupError: not there",
    "x-attempt": 3,
    "x-first-seen": "2026-01-02T03:04:05+00:00",
}


@pytest.fixture
def letters(broker: RabbitMQBroker, topology: Topology) -> RabbitMQDeadLetters:
    return RabbitMQDeadLetters(broker, topology)


async def bury(queues: Queues, body: bytes = b"{}") -> str:
    """Put a message with the dead letters, and return its id."""
    return await queues.send(body, headers=HEADERS, queue=queues.topology.dead_queue)


async def test_dead_letters_are_described_and_stay_where_they_are(
    letters: RabbitMQDeadLetters, queues: Queues
) -> None:
    event_id = await bury(queues)
    expected = DeadLetter(
        event_id=event_id,
        event_type="user.registered.v1",
        reason="exhausted",
        error="LookupError: not there",
        attempts=3,
        first_seen="2026-01-02T03:04:05+00:00",
    )
    assert await letters.read() == [expected]
    assert await letters.read() == [expected]


async def test_a_letter_that_the_broker_itself_gave_up_has_the_broker_s_reason(
    letters: RabbitMQDeadLetters, broker: RabbitMQBroker, queues: Queues
) -> None:
    await queues.send(b"poison")
    for _ in range(DELIVERY_LIMIT + 2):
        async with broker.channel("a worker that will die") as channel:
            await (await channel.get_queue(queues.topology.queue)).get(fail=False)
    [letter] = await letters.read()
    assert letter.reason == "delivery_limit"


async def test_a_redriven_letter_is_new_to_the_worker_and_dead_no_more(
    letters: RabbitMQDeadLetters, queues: Queues
) -> None:
    event_id = await bury(queues, b"once more")
    assert await letters.redrive(None) == 1
    assert await letters.read() == []
    message = await queues.take(queues.topology.queue)
    assert (message.body, message.message_id) == (b"once more", event_id)
    assert not message.headers.get("x-delivery-count")  # older brokers say 0
    assert message.headers.keys() <= {"x-first-seen", "x-delivery-count"}


async def test_one_letter_can_be_redriven_alone(
    letters: RabbitMQDeadLetters, queues: Queues
) -> None:
    first, second, third = [await bury(queues) for _ in range(3)]
    assert await letters.redrive(second) == 1
    assert {letter.event_id for letter in await letters.read()} == {first, third}
    assert (await queues.take(queues.topology.queue)).message_id == second
    assert await letters.redrive(str(uuid4())) == 0


async def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> str:
    """Return what the command prints."""
    monkeypatch.setattr(sys, "argv", ["manage", *arguments])
    await manage.main()
    return capsys.readouterr().out


async def test_the_command_lists_and_redrives(
    settings: Settings,
    run_queues: Queues,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert await command(monkeypatch, capsys, "dead-letters") == "0 dead letters\n"
    event_id = await bury(run_queues)
    heading, row, total = (await command(monkeypatch, capsys, "dead-letters")).splitlines()
    assert heading.split() == ["EVENT", "TYPE", "REASON", "ATTEMPTS", "FIRST", "SEEN", "ERROR"]
    assert row.startswith(event_id)
    assert row.endswith("LookupError: not there")
    assert total == "1 dead letters"
    with pytest.raises(SystemExit, match="There is no dead letter of event nothing"):
        await command(monkeypatch, capsys, "redrive", "nothing")
    redriven = await command(monkeypatch, capsys, "redrive", event_id)
    assert redriven == "1 dead letters sent back to the worker\n"
    assert (await run_queues.take(run_queues.topology.queue)).message_id == event_id
