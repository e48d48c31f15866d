"""The exchange and the queues. All are durable, and no plugin is needed.

<name>.events ──event type──▶ <name>.consume_worker ──failed──▶ <name>.consume_worker.retry.<n>s
                                 ▲      │                                │ after n seconds
                                 │      └──exhausted──▶ <name>.consume_worker.dead
                                 └───────────────────────────────────────┘
"""

from collections.abc import Sequence
from dataclasses import dataclass

from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel, AbstractExchange, AbstractQueue

UNLIMITED = 2**31 - 1
DELIVERY_LIMIT = 10
"""How often the broker redelivers a message before it dead-letters it.

The worker counts attempts itself. This limit bounds the deliveries that it cannot count.
"""


@dataclass(frozen=True, kw_only=True)
class Topology:
    """The names, derived from the service's name, and the delays of the retries in seconds."""

    name: str
    retry_delays: Sequence[int]
    event_types: Sequence[str]
    """The bindings of the worker's queue: the events it handles, and those this service publishes.

    A published event needs a queue, because the broker returns a message that it cannot route, and
    a returned event counts as not published.
    """

    @property
    def exchange(self) -> str:
        """The topic exchange of this service's events. The routing key is the event's type."""
        return f"{self.name}.events"

    @property
    def queue(self) -> str:
        """The queue that the worker consumes."""
        return f"{self.name}.consume_worker"

    @property
    def dead_queue(self) -> str:
        """The queue of the dead letters."""
        return f"{self.queue}.dead"

    def retry_queue(self, delay: int) -> str:
        """The queue in which a message waits `delay` seconds.

        Each delay has a queue of its own. In a shared queue, a message with a short delay would
        wait behind one with a long delay.
        """
        return f"{self.queue}.retry.{delay}s"

    async def declare(self, channel: AbstractChannel) -> tuple[AbstractExchange, AbstractQueue]:
        """Create what is missing, and return the exchange and the worker's queue."""
        exchange = await channel.declare_exchange(self.exchange, ExchangeType.TOPIC, durable=True)
        await channel.declare_queue(
            self.dead_queue,
            durable=True,
            # Listing the dead letters gets and returns them, which counts as a redelivery.
            arguments={"x-queue-type": "quorum", "x-delivery-limit": UNLIMITED},
        )
        for delay in self.retry_delays:
            await channel.declare_queue(
                self.retry_queue(delay),
                durable=True,
                arguments={"x-message-ttl": delay * 1000, **_dead_letters_to(self.queue)},
            )
        queue = await channel.declare_queue(
            self.queue,
            durable=True,
            arguments={"x-delivery-limit": DELIVERY_LIMIT, **_dead_letters_to(self.dead_queue)},
        )
        for event_type in self.event_types:
            await queue.bind(exchange, routing_key=event_type)
        return exchange, queue


def _dead_letters_to(queue: str) -> dict[str, str]:
    """Return the arguments of a quorum queue that moves messages to another without losing any."""
    return {
        "x-queue-type": "quorum",
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": queue,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",  # "at-least-once" requires it
    }
