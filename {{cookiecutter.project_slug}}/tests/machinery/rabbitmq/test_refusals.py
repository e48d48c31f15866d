"""A broker that refuses this service: one line that says what to change, and longer pauses."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from aiormq.exceptions import ChannelAccessRefused
from structlog.testing import capture_logs
from structlog.typing import EventDict

from src.repositories.outbox.notify import OutboxListener
from src.repositories.outbox.reader import OutboxReader
from src.repositories.postgres.engine import Database
from src.repositories.rabbitmq import consumer, relay
from src.repositories.rabbitmq.connection import RabbitMQBroker
from src.repositories.rabbitmq.consumer import RabbitMQConsumer
from src.repositories.rabbitmq.declarer import Declarer
from src.repositories.rabbitmq.relay import OutboxRelay
from src.repositories.rabbitmq.topology import Topology
from src.usecases.errors import REFUSED_SECONDS, UnavailableError
from tests.machinery.support.handlers import Handler
from tests.machinery.support.outbox import store
from tests.support.waiting import eventually

Jobs = Callable[..., dict[str, OutboxRelay | RabbitMQConsumer]]
REFUSED = [
    pytest.param({"password": "not-the-password"}, "RABBITMQ_PASSWORD", id="password"),
    pytest.param({"vhost": "not-a-vhost"}, "RABBITMQ_VHOST", id="vhost"),
]


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The lengths of the pauses between attempts. Each ends at once."""
    lengths: list[float] = []

    async def note(_: asyncio.Event, seconds: float) -> None:
        lengths.append(seconds)
        await asyncio.sleep(0)

    for module in (consumer, relay):
        monkeypatch.setattr(module, "pause", note)
    return lengths


async def run(job: OutboxRelay | RabbitMQConsumer, pauses: list[float]) -> list[EventDict]:
    """Run a job for three attempts. Return its log."""
    stop = asyncio.Event()

    async def have_passed() -> bool:
        return len(pauses) >= 3

    with capture_logs() as lines:
        task = asyncio.create_task(job.run(stop))
        await eventually(have_passed)
        stop.set()
        await task
    return lines


@pytest.fixture
def jobs(broker: RabbitMQBroker, database: Database, topology: Topology) -> Jobs:
    """Create a relay and a consumer on a broker with other settings."""

    def create(**change: Any) -> dict[str, OutboxRelay | RabbitMQConsumer]:
        changed = replace(broker, **change)
        return {
            "relay": relay_on(changed, database, topology),
            "consumer": consumer_on(changed, topology),
        }

    return create


def relay_on(broker: RabbitMQBroker, database: Database, topology: Topology) -> OutboxRelay:
    """Return a relay of the run's outbox."""
    return OutboxRelay(
        outbox=OutboxReader(database=database),
        listener=OutboxListener(database),
        broker=broker,
        declarer=Declarer(topology=topology),
    )


def consumer_on(broker: RabbitMQBroker, topology: Topology) -> RabbitMQConsumer:
    """Return a consumer."""
    return RabbitMQConsumer(
        broker=broker,
        declarer=Declarer(topology=topology),
        handle=Handler(),
        concurrency=1,
        handler_timeout_seconds=30,
    )


@pytest.mark.parametrize(("change", "setting"), REFUSED)
@pytest.mark.parametrize("job", ["relay", "consumer"])
async def test_a_refused_job_logs_one_line_and_tries_again_every_thirty_seconds(
    jobs: Jobs, pauses: list[float], change: dict[str, Any], setting: str, job: str
) -> None:
    lines = await run(jobs(**change)[job], pauses)
    assert set(pauses) == {REFUSED_SECONDS}
    [line] = lines
    assert (line["event"], line["log_level"]) == ("rabbitmq_refused", "error")
    assert setting in line["error"]


@pytest.mark.usefixtures("empty_tables")
async def test_a_relay_without_the_right_to_publish_is_refused(
    broker: RabbitMQBroker,
    database: Database,
    topology: Topology,
    pauses: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await store(database)

    async def refuse(*_: object) -> None:
        raise ChannelAccessRefused("ACCESS_REFUSED - write access to exchange refused")

    monkeypatch.setattr(relay, "_publish", refuse)
    running = relay_on(broker, database, topology)
    stop = asyncio.Event()

    async def has_paused() -> bool:
        return bool(pauses)

    with capture_logs() as lines:
        task = asyncio.create_task(running.run(stop))
        await eventually(has_paused)
        stop.set()
        running.listener.wake()
        await task
    assert pauses[0] == REFUSED_SECONDS
    assert [line["event"] for line in lines] == ["rabbitmq_refused"]
    assert "permissions in docs/deployment.md" in lines[0]["error"]


@pytest.mark.parametrize(("change", "setting"), REFUSED)
async def test_the_readiness_names_a_broker_that_refuses_the_service(
    broker: RabbitMQBroker, topology: Topology, change: dict[str, Any], setting: str
) -> None:
    with pytest.raises(UnavailableError, match=setting) as error:
        await Declarer(topology=topology).check(replace(broker, **change))
    assert error.value.state == "refused"
    await Declarer(topology=topology).check(broker)


async def test_the_readiness_names_a_missing_exchange_of_another_service(
    broker: RabbitMQBroker, topology: Topology
) -> None:
    lacking = replace(topology, foreign=[(f"{topology.name}-other.events", "order.placed.v1")])
    with pytest.raises(UnavailableError, match="Declare the exchange") as error:
        await Declarer(topology=lacking).check(broker)
    assert error.value.state == "refused"
