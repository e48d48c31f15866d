from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

from src.domain.notification import Notification
from tests.contract.conftest import Store


async def test_a_notification_is_kept_once_it_is_committed(store: Store) -> None:
    welcome = Notification.welcome(uuid4(), datetime.now(UTC))

    async with store.unit_of_work() as uow:
        await uow.notifications.create_notification(welcome)
        assert await store.notifications_of(welcome.user_id) == []
        await uow.commit()

    assert await store.notifications_of(welcome.user_id) == ["welcome"]


async def test_a_user_may_have_many_notifications_and_no_others(store: Store) -> None:
    welcome = Notification.welcome(uuid4(), datetime.now(UTC))
    farewell = replace(welcome, id=uuid4(), kind="farewell")

    async with store.unit_of_work() as uow:
        await uow.notifications.create_notification(welcome)
        await uow.notifications.create_notification(farewell)
        await uow.notifications.create_notification(replace(welcome, id=uuid4(), user_id=uuid4()))
        await uow.commit()

    assert sorted(await store.notifications_of(welcome.user_id)) == ["farewell", "welcome"]
