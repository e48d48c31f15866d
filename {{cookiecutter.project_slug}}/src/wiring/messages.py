"""The operators' commands for messages: the dead letters, and what waits in the outbox."""

import argparse
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import punq

from src.usecases.ports.messaging import DeadLetter, DeadLetters, OutboxBacklog
from src.wiring import Command, Part, confirm

LETTER = "{:36}  {:28}  {:14}  {:>8}  {:32}  {}"
WAITING = "{:36}  {:28}  {:>8}  {:32}  {:32}  {}"
SHOWN = 100


def moment(text: str) -> datetime:
    """Read a time in ISO 8601. Without a time zone it is in UTC."""
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        example = "2026-11-30T10:00+00:00"
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as {example}") from None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def add_filters(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that choose dead letters. Without any, all are chosen."""
    parser.add_argument("event_id", nargs="?", help="this event only")
    parser.add_argument("--type", help="only events of this type")
    parser.add_argument("--reason", help="only those with this reason")
    parser.add_argument(
        "--since", type=moment, help="only those that were first seen then or later"
    )


def chooser(arguments: argparse.Namespace) -> Callable[[DeadLetter], bool]:
    """Return the test that chooses dead letters by the filters."""

    def is_chosen(letter: DeadLetter) -> bool:
        wanted = (
            (arguments.event_id, letter.event_id),
            (arguments.type, letter.event_type),
            (arguments.reason, letter.reason),
        )
        return all(value in {None, has} for value, has in wanted) and (
            arguments.since is None or _seen_at(letter) >= arguments.since
        )

    return is_chosen


def _seen_at(letter: DeadLetter) -> datetime:
    """Return when a message was first seen. A message without the time is the oldest of all."""
    try:
        return moment(letter.first_seen)
    except argparse.ArgumentTypeError:
        return datetime.min.replace(tzinfo=UTC)


def table(row: str, heading: Iterable[str], lines: Iterable[Iterable[object]]) -> list[str]:
    """Return the lines of a table, without a heading if it is empty."""
    rows = [row.format(*map(str, line)) for line in lines]
    return [row.format(*heading), *rows] if rows else []


def first_line(text: str | None) -> str:
    """Return the first line of an error."""
    return text.splitlines()[0] if text else ""


async def list_dead_letters(container: punq.Container, arguments: argparse.Namespace) -> str:
    """Return a table of the chosen dead letters."""
    letters = [*filter(chooser(arguments), await container.resolve(DeadLetters).read())]
    heading = ("EVENT", "TYPE", "REASON", "ATTEMPTS", "FIRST SEEN", "ERROR")
    lines = [
        (it.event_id, it.event_type, it.reason, it.attempts, it.first_seen, first_line(it.error))
        for it in letters
    ]
    return "\n".join([*table(LETTER, heading, lines), f"{len(letters)} dead letters"])


async def redrive(container: punq.Container, arguments: argparse.Namespace) -> str:
    """Give the chosen dead letters to the worker again."""
    redriven = await container.resolve(DeadLetters).redrive(chooser(arguments))
    if arguments.event_id and not redriven:
        raise SystemExit(f"There is no such dead letter of event {arguments.event_id}.")
    return f"{redriven} dead letters sent back to the worker"


async def discard(container: punq.Container, arguments: argparse.Namespace) -> str:
    """Delete the chosen dead letters, after a confirmation."""
    letters: DeadLetters = container.resolve(DeadLetters)
    chosen = {*filter(chooser(arguments), await letters.read())}
    if chosen:
        change = f"delete {len(chosen)} dead letters"
        await confirm(change, is_confirmed=arguments.yes)
    # Only those that were counted: another one may have arrived since.
    deleted = await letters.discard(chosen.__contains__)
    return f"{deleted} dead letters deleted"


def add_discard_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the filters and the confirmation."""
    add_filters(parser)
    parser.add_argument("--yes", action="store_true", help="delete without asking")


async def list_outbox(container: punq.Container, _: argparse.Namespace) -> str:
    """Return a table of the oldest events that wait, with the reason of the last failure."""
    waiting = await container.resolve(OutboxBacklog).read(SHOWN + 1)
    heading = ("EVENT", "TYPE", "ATTEMPTS", "SINCE", "NEXT ATTEMPT", "LAST ERROR")
    lines = [
        (it.event_id, it.event_type, it.attempts, it.stored_at, it.due_at, first_line(it.error))
        for it in waiting[:SHOWN]
    ]
    total = f"{SHOWN} of more events" if len(waiting) > SHOWN else f"{len(waiting)} events"
    return "\n".join([*table(WAITING, heading, lines), f"{total} wait"])


part = Part(
    commands=(
        Command(
            name="dead-letters",
            help="list the messages that are no longer retried",
            run=list_dead_letters,
            add_arguments=add_filters,
        ),
        Command(
            name="redrive",
            help="give dead letters to the worker again",
            run=redrive,
            add_arguments=add_filters,
        ),
        Command(
            name="discard",
            help="delete dead letters for good",
            run=discard,
            add_arguments=add_discard_arguments,
        ),
        Command(name="outbox", help="list the events that wait, and why", run=list_outbox),
    ),
)
