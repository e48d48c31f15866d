from datetime import timedelta
from uuid import uuid4

import pytest

from src.domain.notification import Notification
from src.domain.user import User
from src.usecases.errors import NotFoundDatabaseError
from src.usecases.ports.unit_of_work import UnitOfWork
from tests.contract.conftest import Store
from tests.support.users import new_session, new_user


async def save(store: Store, user: User) -> None:
    async with store.unit_of_work() as uow:
        await uow.users.create_user(user)
        await uow.commit()


async def write_everything(uow: UnitOfWork, user: User) -> None:
    """Write with each repository. The user's id is also the id of a message."""
    await uow.users.create_user(user)
    await uow.sessions.create_session(new_session(user.id))
    await uow.notifications.create_notification(Notification.welcome(user.id, user.created_at))
    await uow.inbox.claim(user.id)


async def test_a_commit_saves_the_changes_of_all_repositories_and_the_events(store: Store) -> None:
    user = new_user()
    [registered] = user.events

    async with store.unit_of_work() as uow:
        await write_everything(uow, user)
        await uow.commit()

    async with store.unit_of_work() as uow:
        assert (await uow.users.load_user_for_update(user.id)).email == user.email
        assert not await uow.inbox.claim(user.id)
    assert await store.notifications_of(user.id) == ["welcome"]
    assert await store.events_of(user.id) == [registered.id]


@pytest.mark.parametrize("error", [None, RuntimeError("in between"), KeyboardInterrupt()])
async def test_leaving_without_a_commit_saves_nothing(
    store: Store, error: BaseException | None
) -> None:
    user = new_user()
    raised: BaseException | None = None

    try:
        async with store.unit_of_work() as uow:
            await write_everything(uow, user)
            if error is not None:
                raise error
    except (RuntimeError, KeyboardInterrupt) as caught:
        raised = caught

    assert raised is error
    async with store.unit_of_work() as uow:
        with pytest.raises(NotFoundDatabaseError):
            await uow.users.load_user_for_update(user.id)
        assert await uow.inbox.claim(user.id)
    assert await store.notifications_of(user.id) == []
    assert await store.events_of(user.id) == []


async def test_events_are_stored_once_and_in_the_order_of_their_recording(store: Store) -> None:
    user = new_user()
    user.change_password("second-hash", user.created_at + timedelta(seconds=1))
    user.change_password("third-hash", user.created_at + timedelta(seconds=2))
    recorded = [event.id for event in user.events]

    await save(store, user)

    assert await store.events_of(user.id) == recorded
    assert user.events == []


async def test_a_second_commit_does_not_store_an_event_again(store: Store) -> None:
    user = new_user()
    [registered] = user.events

    async with store.unit_of_work() as uow:
        await uow.users.create_user(user)
        await uow.commit()
        await uow.commit()

    assert await store.events_of(user.id) == [registered.id]


async def test_changes_after_a_commit_are_saved_by_the_next_commit_only(store: Store) -> None:
    first, second, third = (new_user() for _ in range(3))

    async with store.unit_of_work() as uow:
        await uow.users.create_user(first)
        await uow.commit()
        await uow.users.create_user(second)
        await uow.commit()
        await uow.users.create_user(third)

    assert len(await store.events_of(first.id)) == 1
    assert len(await store.events_of(second.id)) == 1
    assert await store.events_of(third.id) == []
    async with store.unit_of_work() as uow:
        assert (await uow.users.load_user_for_update(second.id)).id == second.id
        with pytest.raises(NotFoundDatabaseError):
            await uow.users.load_user_for_update(third.id)


async def test_a_unit_of_work_without_changes_can_be_committed(store: Store) -> None:
    async with store.unit_of_work() as uow:
        await uow.commit()


async def test_concurrent_units_of_work_are_independent(store: Store) -> None:
    saved = new_user()
    abandoned = new_user()

    async with store.unit_of_work() as one, store.unit_of_work() as other:
        await one.users.create_user(saved)
        await other.users.create_user(abandoned)
        await one.commit()

    assert len(await store.events_of(saved.id)) == 1
    assert await store.events_of(abandoned.id) == []


async def test_leaving_a_unit_of_work_releases_its_locks(store: Store) -> None:
    user = new_user()
    await save(store, user)

    for _ in range(3):
        async with store.unit_of_work() as uow:
            await uow.users.load_user_for_update(user.id)


async def test_a_commit_releases_the_locks(store: Store) -> None:
    user = new_user()
    await save(store, user)

    async with store.unit_of_work() as one, store.unit_of_work() as other:
        await one.users.load_user_for_update(user.id)
        await one.commit()

        assert (await other.users.load_user_for_update(user.id)).id == user.id


async def test_the_time_of_a_unit_of_work_does_not_change(store: Store) -> None:
    async with store.unit_of_work() as uow:
        began = uow.now
        await uow.inbox.claim(uuid4())
        await uow.commit()

        assert uow.now == began
        assert began.utcoffset() == timedelta(0)
