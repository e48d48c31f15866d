"""The exchanges, the queues and the bindings. All are durable, and no plugin is needed.

<name>.events ──event type──▶ <name>.consume_worker ──failed──▶ <name>.consume_worker.retry.<n>s
                                 ▲      │                                │ after n seconds
                                 │      └──exhausted──▶ <name>.consume_worker.dead
                                 └───────────────────────────────────────┘

Every name begins with the service's name, so a user of RabbitMQ needs rights on such names only.
Retries and dead letters pass through the exchange <name>.queues, because the broker's default
exchange needs a right on `amq.default`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

UNLIMITED = 2**31 - 1
DELIVERY_LIMIT = 10
"""How often the broker redelivers a message before it dead-letters it.

The worker counts attempts itself. This limit bounds the deliveries that it cannot count.
"""

Binding = tuple[str, str]
"""An exchange and a routing key."""


@dataclass(frozen=True, kw_only=True)
class Queue:
    """A durable quorum queue, with its bindings to the exchanges of this service."""

    name: str
    arguments: Mapping[str, str | int]
    bindings: Sequence[Binding]


@dataclass(frozen=True, kw_only=True)
class Topology:
    """The names, derived from the service's name, and the delays of the retries in seconds."""

    name: str
    retry_delays: Sequence[int]
    event_types: Sequence[str]
    """The events of this service: those it publishes, and those it handles.

    A published event needs a queue, because the broker returns a message that it cannot route, and
    a returned event counts as not published.
    """
    foreign: Sequence[Binding] = ()
    """The exchanges of other services, with the types of the events that the worker handles."""

    @property
    def exchange(self) -> str:
        """The topic exchange of this service's events. The routing key is the event's type."""
        return f"{self.name}.events"

    @property
    def queues_exchange(self) -> str:
        """The direct exchange to the queues. The routing key is the name of a queue."""
        return f"{self.name}.queues"

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

    @property
    def queues(self) -> list[Queue]:
        """All queues, the worker's last."""
        # Listing the dead letters gets and returns them, which counts as a redelivery.
        queues = [self.bound_by_name(self.dead_queue, {"x-delivery-limit": UNLIMITED})]
        for delay in self.retry_delays:
            options = {"x-message-ttl": delay * 1000, **self._dead_letters_to(self.queue)}
            queues.append(self.bound_by_name(self.retry_queue(delay), options))
        options = {"x-delivery-limit": DELIVERY_LIMIT, **self._dead_letters_to(self.dead_queue)}
        events = [(self.exchange, event_type) for event_type in self.event_types]
        return [*queues, self.bound_by_name(self.queue, options, events)]

    def bound_by_name(
        self, name: str, options: Mapping[str, str | int], others: Sequence[Binding] = ()
    ) -> Queue:
        """Return a queue that gets the messages for its name, and those of other bindings."""
        bindings = [(self.queues_exchange, name), *others]
        return Queue(name=name, arguments={"x-queue-type": "quorum", **options}, bindings=bindings)

    def _dead_letters_to(self, queue: str) -> dict[str, str | int]:
        """Return the options of a queue that moves messages to another without losing any."""
        return {
            "x-dead-letter-exchange": self.queues_exchange,
            "x-dead-letter-routing-key": queue,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",  # "at-least-once" requires it
        }
