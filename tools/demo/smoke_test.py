"""The smoke test of a running service: steps that a client takes, each with what must hold.

It needs a base URL. HTTP does not show that a read came from the cache or that the worker handled
an event: an inspector of the servers does. Without an inspector, those steps are left out.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tools.common.console import Console
from tools.demo import account_steps, server_steps
from tools.demo.api_client import ApiClient


@dataclass(frozen=True, slots=True)
class Step:
    """One step; `act` returns the result to show."""

    title: str
    act: Callable[[ApiClient], Awaitable[str]]
    needs_inspector: bool | None = None
    """True: only with an inspector. False: only without one. None: always."""


STEPS = (
    Step("the service is up", account_steps.is_up),
    Step("register", account_steps.register),
    Step("register the same address again", account_steps.register_again),
    Step("the event is consumed exactly once", server_steps.event, needs_inspector=True),
    Step("the event is delivered a second time", server_steps.event_again, needs_inspector=True),
    Step("log in", account_steps.log_in),
    Step("read me, a cache miss", server_steps.read_miss, needs_inspector=True),
    Step("read me, a cache hit", server_steps.read_hit, needs_inspector=True),
    Step("read me", account_steps.read, needs_inspector=False),
    Step("refresh", account_steps.refresh),
    Step("replay an old refresh token", account_steps.replay),
    Step("change the password", account_steps.change_password),
    Step("log out", account_steps.log_out),
    Step("every event arrived", server_steps.all_events, needs_inspector=True),
)


async def run_steps(api: ApiClient, console: Console) -> None:
    """Run all steps that the inspector allows; the first that fails ends the test."""
    for step in STEPS:
        if step.needs_inspector in {None, api.inspector is not None}:
            with console.step(step.title) as running:
                running.saw = await step.act(api)
