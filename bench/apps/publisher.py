"""Raw publishing: `python -m bench.apps.publisher BODY`, until SIGTERM.

aio-pika and nothing else: 250 messages at a time, confirmed, persistent and mandatory, to a
topology like the service's.
"""

# mypy: disable-error-code="import-not-found"
import asyncio
import os
import sys
from pathlib import Path
from uuid import uuid4

import aio_pika
import uvloop

IN_FLIGHT = 250


async def main(body: bytes, event_type: str) -> None:
    """Publish."""
    settings = os.environ
    connection = await aio_pika.connect(
        host=settings["RABBITMQ_HOST"],
        port=int(settings["RABBITMQ_PORT"]),
        login=settings["RABBITMQ_USER"],
        password=settings["RABBITMQ_PASSWORD"],
        virtualhost=settings["RABBITMQ_VHOST"],
    )
    channel = await connection.channel()
    exchange = await channel.get_exchange(f"{settings['APP_NAME']}.events")

    async def publish() -> None:
        message = aio_pika.Message(
            body,
            message_id=str(uuid4()),
            type=event_type,
            content_type="application/cloudevents+json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        )
        await exchange.publish(message, event_type, mandatory=True)

    while True:
        await asyncio.gather(*(publish() for _ in range(IN_FLIGHT)))


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]).read_bytes(), sys.argv[2]))
