"""The worker: `python -m src.consume_worker`. It delivers events to their consumers."""

import asyncio
import signal
from pathlib import Path

import punq
import structlog
import uvloop

from src.config import AppSettings, WorkerSettings
from src.container import build_container, load_settings, open_service
from src.repositories.outbox.notify import OutboxListener
from src.usecases.errors import DatabaseUnavailableError
from src.usecases.operations.check_backlog import CheckBacklog
from src.usecases.operations.purge_expired import PurgeExpired
from src.usecases.ports.messaging import EventConsumer
from src.utils.attempts import pause, retry_seconds
from src.utils.logging import configure_logging
from src.wiring import Job

log = structlog.get_logger()

HEALTH_SECONDS = 5.0
PURGE_SECONDS = 60.0


async def maintain(container: punq.Container, stop: asyncio.Event) -> None:
    """Purge expired data and check the backlog every minute, until `stop` is set.

    While there is more to purge, it continues without a pause.
    """
    purge_expired = container.resolve(PurgeExpired)
    check_backlog = container.resolve(CheckBacklog)
    while not stop.is_set():
        seconds = PURGE_SECONDS
        try:
            await check_backlog.execute()
            if await purge_expired.execute():
                continue
        except DatabaseUnavailableError as error:
            seconds = retry_seconds(error, "maintenance_failed", seconds)
        await pause(stop, seconds)


async def report_health(file: Path, consumer: EventConsumer, stop: asyncio.Event) -> None:
    """Touch a file while messages can arrive, for a health check that looks at its age."""
    while not stop.is_set():
        if consumer.is_consuming:
            file.touch()  # noqa: ASYNC240  a few microseconds, on a tmpfs
        await pause(stop, HEALTH_SECONDS)


async def work(container: punq.Container, settings: WorkerSettings, stop: asyncio.Event) -> None:
    """Work until `stop` is set, then finish the work in progress within the grace period."""
    async with open_service(container):
        consumer: EventConsumer = container.resolve(EventConsumer)
        jobs = [job.run(stop) for job in (consumer, *container.resolve(list[Job]))]
        jobs.append(maintain(container, stop))
        if settings.health_file:
            jobs.append(report_health(settings.health_file, consumer, stop))
        tasks = [asyncio.create_task(job) for job in jobs]
        stopped = asyncio.create_task(stop.wait())
        # A job that ends by itself has failed: the others stop, and its error is raised.
        await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        container.resolve(OutboxListener).wake()
        done, unfinished = await asyncio.wait(tasks, timeout=settings.shutdown_grace_seconds)
        for task in unfinished:
            log.error("grace_exceeded")
            task.cancel()
        for task in done:
            task.result()


async def main() -> None:
    """Start the worker, and stop it on SIGTERM or SIGINT."""
    settings = load_settings()
    configure_logging(settings[AppSettings].log_level)
    stop = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
    log.info("worker_started")
    await work(build_container(settings), settings[WorkerSettings], stop)
    log.info("worker_stopped")


if __name__ == "__main__":
    uvloop.run(main())
