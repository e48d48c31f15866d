"""Messages: the relay beside raw publishing, the consumer beside FastStream, and the way between.

The worker runs as it does in production. What reaches it is prepared by SQL and AMQP.
"""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import httpx2

from bench import flows, queues
from bench.accounts import Accounts
from bench.flows import Flow
from bench.load import PASSWORD
from bench.process import Process
from bench.report import Figures, Measure, Ratio, percentile
from bench.requests import EQUAL
from bench.server import App, serving
from bench.side import Side
from tools.common.errors import ToolError
from tools.servers.clients import connect_postgres

WARM_UP = 500
PER_SECOND = 20
_HANDLED_WITHIN = 120.0

RELAY = Ratio("relay ÷ raw publishing", 0.85, 0.9, better="more")
RELAY_RATE = Measure("the same by rate", better="more")
RELAY_COPIES = Ratio("two equal copies of the relay", EQUAL, better="one")
CONSUME = Ratio("consuming ÷ FastStream", 1.0, better="more")
POISON = Ratio("the same among 1 % poison ÷ alone", 0.95, better="more")
HALF = Measure("registered to handled, p50 in ms", 10)
NEARLY_ALL = Measure("registered to handled, p99 in ms", 25)
ALL = (RELAY_COPIES, RELAY, RELAY_RATE, CONSUME, POISON, HALF, NEARLY_ALL)

NOW_RELAY = Ratio("relay ÷ before", goal=1 / EQUAL, better="more")
NOW_CONSUME = Ratio("consuming ÷ before", goal=1 / EQUAL, better="more")
NOW_HALF = Measure("registered to handled, p50 ÷ before", goal=1.1)
AGAINST = (NOW_RELAY, NOW_CONSUME, NOW_HALF)

EFFECTS = "TRUNCATE processed_messages, notifications"
LOCK = "LOCK TABLE processed_messages, notifications IN EXCLUSIVE MODE"
RAISE = """
CREATE OR REPLACE FUNCTION bench_raise() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'a poison message'; END $$;
CREATE OR REPLACE TRIGGER bench_raise BEFORE INSERT ON notifications FOR EACH ROW
WHEN (NEW.user_id = '00000000-0000-0000-0000-000000000000') EXECUTE FUNCTION bench_raise();
"""


@dataclass(frozen=True)
class Messages:
    """Measures messages of the present version; `copy` is the same version on another side."""

    now: Accounts
    copy: Accounts
    before: Accounts | None
    events: int
    paced: int

    def round(self) -> None:
        """Measure everything once."""
        many = self.events
        some = many // 2  # each costs several times as much to consume as to relay
        ours, raw = relay(many, self.now, raw=self.copy)
        RELAY.add(ours, raw)
        RELAY_RATE.values.append(ours.per_second / raw.per_second)
        RELAY_COPIES.add(*relay(many, self.now, self.copy))
        CONSUME.add(*consume(some, (self.now, 0), (self.copy, None)))
        POISON.add(*consume(some, (self.now, some // 100), (self.copy, 0)))
        if self.before:
            NOW_RELAY.add(*relay(many, self.now, self.before))
            NOW_CONSUME.add(*consume(some, (self.now, 0), (self.before, 0)))
        self._travel()

    def _travel(self) -> None:
        """Measure from the answer to a registration to the worker's line about its event."""
        versions = [accounts for accounts in (self.now, self.before) if accounts]
        sides = [accounts.side for accounts in versions]
        for side in sides:
            asyncio.run(queues.empty(side))
            side.sql("TRUNCATE outbox_messages", EFFECTS)
        with ExitStack() as stack:
            servers = stack.enter_context(serving(*(App(side) for side in sides)))
            workers = [side.worker() for side in sides]
            for side, worker in zip(sides, workers, strict=True):
                stack.callback(side.stop, worker)
                _await_text(worker, '"event":"consuming"')
            answered = _register([server.url for server in servers], self.paced)
            times = [_times(w, found) for w, found in zip(workers, answered, strict=True)]
        HALF.values.append(percentile(times[0], 0.5))
        NEARLY_ALL.values.append(percentile(times[0], 0.99))
        if self.before:
            NOW_HALF.values.append(percentile(times[0], 0.5) / percentile(times[1], 0.5))


def prepare(*versions: Accounts) -> None:
    """Declare the topology of each, which its worker does when it starts."""
    for accounts in versions:
        accounts.side.sql("TRUNCATE outbox_messages", RAISE)
        process = accounts.side.worker()
        try:
            asyncio.run(_await_queues(accounts.side))
        finally:
            accounts.side.stop(process)


def relay(
    events: int,
    *relaying: Accounts,
    raw: Accounts | None = None,
    backlog: tuple[Side, int] | None = None,
) -> list[Figures]:
    """Drain outboxes of that many events; beside that, perhaps publish without a relay.

    `backlog` is a side whose outbox holds that many events already.
    """
    with ExitStack() as stack:
        moving = []
        for accounts in relaying:
            accounts.fill_outbox(events)
            side = accounts.side
            moving.append(stack.enter_context(_relaying(side, events)))
        if backlog:
            moving.append(stack.enter_context(_relaying(*backlog)))
        if raw:
            moving.append(_publishing(raw))
            asyncio.run(queues.empty(raw.side))
        figures = flows.measure(WARM_UP, *moving)
    for flow in moving:
        asyncio.run(queues.empty(flow.side))
    return figures


@contextmanager
def _relaying(side: Side, events: int) -> Iterator[Flow]:
    """Yield a worker that relays and consumes nothing: its only message waits for a lock."""
    asyncio.run(queues.empty(side))
    with _locked(side):
        yield Flow(side, lambda: side.worker(WORKER_CONCURRENCY="1"), events)


@contextmanager
def _locked(side: Side) -> Iterator[None]:
    loop = asyncio.new_event_loop()
    connection = loop.run_until_complete(connect_postgres(side.settings))
    try:
        loop.run_until_complete(connection.execute(f"BEGIN; {LOCK}"))
        yield
    finally:
        loop.run_until_complete(connection.close())
        loop.close()


def _publishing(accounts: Accounts) -> Flow:
    side = accounts.side
    body = side.project.parent / "body.json"
    body.write_text(json.dumps(accounts.envelope))
    words = ("-m", "bench.apps.publisher", str(body), accounts.event_type)
    return Flow(side, lambda: side.python(*words), None)


def consume(events: int, *sides: tuple[Accounts, int | None]) -> list[Figures]:
    """Consume events, with that many poison messages among them. None: FastStream consumes."""
    moving = []
    for accounts, poison in sides:
        accounts.side.sql("TRUNCATE outbox_messages", EFFECTS)
        asyncio.run(queues.fill(accounts, events, poison or 0))
        moving.append(_consuming(accounts.side, events + (poison or 0), poison is None))
    figures = flows.measure(WARM_UP, *moving)
    for accounts, _ in sides:
        asyncio.run(queues.empty(accounts.side))
    return figures


def _consuming(side: Side, total: int, by_faststream: bool) -> Flow:
    def start() -> Process:
        return side.python("-m", "bench.apps.faststream_worker") if by_faststream else side.worker()

    return Flow(side, start, total, first=total)


async def _await_queues(side: Side) -> None:
    deadline = time.monotonic() + _HANDLED_WITHIN
    while True:
        try:
            await queues.empty(side)
        except queues.MISSING:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.2)
        else:
            return


def _register(urls: list[str], count: int) -> list[dict[str, float]]:
    """Register at a steady pace on each in turn.

    Returns the time of each answer by request id, for each URL.
    """
    answered: list[dict[str, float]] = [{} for _ in urls]
    with httpx2.Client(timeout=30, trust_env=False) as client:
        begun = time.monotonic()
        for number in range(PER_SECOND + count):
            for turn, (url, times) in enumerate(zip(urls, answered, strict=True)):
                # One request at a time, or the hash of one would slow down the event of the other.
                due = begun + (number * len(urls) + turn) / PER_SECOND
                time.sleep(max(0.0, due - time.monotonic()))
                request_id = uuid4().hex
                client.post(
                    f"{url}/api/v1/auth/register",
                    json={"email": f"{request_id}@example.com", "password": PASSWORD},
                    headers={"X-Request-ID": request_id},
                ).raise_for_status()
                times[request_id] = time.time()
    return [dict(list(times.items())[PER_SECOND:]) for times in answered]


def _times(worker: Process, answered: dict[str, float]) -> list[float]:
    """Return the milliseconds from each answer to the worker's line that the event is handled."""
    handled: dict[str, float] = {}
    deadline = time.monotonic() + _HANDLED_WITHIN
    while len(handled) < len(answered):
        if time.monotonic() > deadline:
            text = f"{len(answered)} events were committed, {len(handled)} handled: {worker.log}"
            raise ToolError(text)
        time.sleep(0.1)
        for line in worker.log.read_text().splitlines():
            if '"event":"event_handled"' in line:
                fields = json.loads(line)
                at = datetime.fromisoformat(fields["timestamp"]).timestamp()
                if fields.get("request_id") in answered:
                    handled[fields["request_id"]] = at
    return [(handled[request_id] - at) * 1000 for request_id, at in answered.items()]


def _await_text(process: Process, text: str) -> None:
    deadline = time.monotonic() + _HANDLED_WITHIN
    while text not in process.log.read_text():
        process.check()
        if time.monotonic() > deadline:
            message = f"{process.log} does not say {text}"
            raise ToolError(message)
        time.sleep(0.05)
