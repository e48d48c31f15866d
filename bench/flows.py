"""Flows of messages, measured at the same time by the depths of their queues."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial

from aio_pika.abc import AbstractChannel

from bench import queues
from bench.process import Process
from bench.queues import IN_FLIGHT
from bench.report import Figures
from bench.side import Side
from tools.common.errors import ToolError

_POLL = 0.02
_MOVES_WITHIN = 300.0


@dataclass
class Flow:
    """Messages that a process puts into its side's queue, or takes out of it.

    `total` is how many messages it can move: None if there is no end. `first` is the depth of the
    queue before the start.
    """

    side: Side
    start: Callable[[], Process]
    total: int | None
    first: int = 0
    moved: int = 0
    samples: list[tuple[float, int, float]] = field(default_factory=list)
    """Times, messages moved by then, and CPU time."""

    def launch(self) -> Process:
        """Start the process."""
        self.process = self.start()
        return self.process

    async def look(self, channel: AbstractChannel) -> None:
        """Count what has been moved."""
        self.process.check()
        self.moved = abs(await queues.depth(channel, self.side) - self.first)

    def sample(self) -> None:
        """Note what has been moved by now."""
        self.samples.append((time.perf_counter(), self.moved, self.process.cpu_seconds()))

    @property
    def is_ending(self) -> bool:
        """Whether it has moved nearly all that it can."""
        return self.total is not None and self.moved >= self.total - IN_FLIGHT

    def figures(self) -> Figures:
        """Return the rate and the CPU time of a message."""
        if not self.samples:
            text = "The messages were moved too soon: use more (--events)."
            raise ToolError(text)
        begun, first, before = self.samples[0]
        ended, last, after = self.samples[-1]
        if last <= first:
            text = f"{self.side.name} moved no messages in the interval: use more (--events)."
            raise ToolError(text)
        return Figures((after - before) / (last - first) * 1000, (last - first) / (ended - begun))


def measure(warm_up: int, *flows: Flow) -> list[Figures]:
    """Start all flows, and measure them in the same interval."""
    with ExitStack() as stack:
        for flow in flows:
            stack.callback(flow.side.stop, flow.launch())
        asyncio.run(_measure(warm_up, flows))
    return [flow.figures() for flow in flows]


async def _measure(warm_up: int, flows: Sequence[Flow]) -> None:
    """Sample from when each has moved `warm_up` messages until one has moved nearly all."""
    async with queues.open_channel(flows[0].side) as channel:
        look = partial(_look, channel, flows, time.monotonic() + _MOVES_WITHIN)
        await _start_together(flows, look)
        enough = [flow.moved + warm_up for flow in flows]
        while any(flow.moved < least for flow, least in zip(flows, enough, strict=True)):
            await look()
        while not any(flow.is_ending for flow in flows):
            await look()
            for flow in flows:
                flow.sample()


async def _start_together(flows: Sequence[Flow], look: Callable[[], Awaitable[None]]) -> None:
    """Pause each process as soon as it has moved a message, and resume them together."""
    while not all(flow.moved for flow in flows):
        await look()
        for flow in flows:
            if flow.moved:
                flow.process.pause()
    for flow in flows:
        flow.process.resume()


async def _look(channel: AbstractChannel, flows: Sequence[Flow], deadline: float) -> None:
    if time.monotonic() > deadline:
        text = f"Messages stand still: {[(flow.side.name, flow.moved) for flow in flows]}"
        raise ToolError(text)
    await asyncio.sleep(_POLL)
    for flow in flows:
        await flow.look(channel)
