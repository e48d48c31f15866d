"""The steps of the smoke test that need an inspector. Each returns the result to show."""

from tools.common.waiting import eventually_async
from tools.demo.account_steps import read
from tools.demo.api_client import ApiClient, require


async def event(api: ApiClient) -> str:
    """Follow the event through the outbox, RabbitMQ and the worker to the notification."""
    inspector = api.require_inspector()
    event_id = await inspector.wait_for_notification(api.user_id)
    await require_once(api)
    return f"event {event_id[:8]}: one notification, one inbox row, outbox empty"


async def event_again(api: ApiClient) -> str:
    """Deliver the same event a second time, as RabbitMQ may."""
    inspector = api.require_inspector()
    await inspector.redeliver(api.user_id)
    await require_once(api)
    return "handled twice, still one notification"


async def require_once(api: ApiClient) -> None:
    """Require that the event had its effects exactly once."""
    notifications, inbox, waiting = await api.require_inspector().effects(api.user_id)
    text = f"{notifications} notifications, {inbox} inbox rows, {waiting} in the outbox"
    require((notifications, inbox, waiting) == (1, 1, 0), f"not exactly once: {text}")


async def read_miss(api: ApiClient) -> str:
    """Read while the cache is empty, and require that the read fills it."""
    inspector = api.require_inspector()
    require(
        not await inspector.is_cached(api.user_id), "the user is in Redis before the first read"
    )
    await read(api)
    await eventually_async(  # the answer does not wait for the fill
        "the user is in Redis after the first read", lambda: inspector.is_cached(api.user_id)
    )
    return "not in Redis before, in Redis after"


async def read_hit(api: ApiClient) -> str:
    """Read while the tables are locked, so that only the cache can answer."""
    async with api.require_inspector().locked_tables():
        await read(api)
    return "answered while the tables were locked"


async def all_events(api: ApiClient) -> str:
    """Require that every event left the outbox and that none is a dead letter."""
    published = await api.require_inspector().wait_until_settled()
    return f"published: {', '.join(published)}; nothing waits, nothing is dead"
