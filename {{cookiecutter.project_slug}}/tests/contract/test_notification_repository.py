from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

from src.domain.notification import Notification
from tests.contract.conftest import Store


async def test_a_notification_is_stored_by_the_commit(store: Store) -> None:
    welcome = Notification.welcome(uuid4(), datetime.now(UTC))

    async with store.unit_of_work() as uow:
        await uow.notifications.create_notification(welcome)
        assert await store.notifications_of(welcome.user_id) == []
        await uow.commit()

    assert await store.notifications_of(welcome.user_id) == ["welcome"]


async def test_a_user_can_have_several_notifications(store: Store) -> None:
    welcome = Notification.welcome(uuid4(), datetime.now(UTC))
    farewell = replace(welcome, id=uuid4(), kind="farewell")
    of_another_user = replace(welcome, id=uuid4(), user_id=uuid4())

    async with store.unit_of_work() as uow:
        for notification in (welcome, farewell, of_another_user):
            await uow.notifications.create_notification(notification)
        await uow.commit()

    assert sorted(await store.notifications_of(welcome.user_id)) == ["farewell", "welcome"]
