"""The worker: `python -m src.consume_worker`. Brings events to their handlers."""

import asyncio
import signal
from contextlib import suppress
from pathlib import Path

import punq
import structlog
import uvloop

from src.config import WorkerSettings, load_settings
from src.container import build_container, open_resources
from src.repositories.db.notify import OutboxListener
from src.usecases.keep_house import KeepHouse
from src.usecases.ports.messaging import EventConsumer
from src.usecases.ports.unit_of_work import DatabaseUnavailableError
from src.utils.logging import configure_logging
from src.wiring import Job

log = structlog.get_logger()

HEALTH_SECONDS = 5.0
HOUSE_SECONDS = 60.0


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait, but not beyond `stop`."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


async def keep_house(use_case: KeepHouse, stop: asyncio.Event) -> None:
    """Keep house every minute, or without a pause while there is more to do, until `stop`."""
    while not stop.is_set():
        try:
            if await use_case.execute():
                continue
        except DatabaseUnavailableError as error:
            log.warning("house_not_kept", error=str(error))
        await pause(stop, HOUSE_SECONDS)


async def report_health(file: Path, consumer: EventConsumer, stop: asyncio.Event) -> None:
    """Touch a file while messages can arrive, for a health check that looks at its age."""
    while not stop.is_set():
        if consumer.is_consuming:
            file.touch()  # noqa: ASYNC240  a few microseconds, on a tmpfs
        await pause(stop, HEALTH_SECONDS)


async def work(container: punq.Container, settings: WorkerSettings, stop: asyncio.Event) -> None:
    """Work until `stop` is set, then finish what is in flight within the grace."""
    consumer: EventConsumer = container.resolve(EventConsumer)
    jobs = [job.run(stop) for job in (consumer, *container.resolve(list[Job]))]
    jobs.append(keep_house(container.resolve(KeepHouse), stop))
    if settings.health_file:
        jobs.append(report_health(settings.health_file, consumer, stop))
    async with open_resources(container):
        tasks = [asyncio.create_task(job) for job in jobs]
        stopped = asyncio.create_task(stop.wait())
        # A job that ends by itself has failed: then the others stop too, and its error is raised.
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
    """Set up, and work until SIGTERM or SIGINT."""
    settings = load_settings()
    configure_logging(settings.app.log_level)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    log.info("worker_started")
    await work(build_container(settings), settings.worker, stop)
    log.info("worker_stopped")


if __name__ == "__main__":
    uvloop.run(main())
