from datetime import timedelta
from uuid import uuid4

import pytest

from src.domain.notification import Notification
from src.domain.user import User
from src.usecases.ports.users import NotFoundDatabaseError
from tests.contract.conftest import Store
from tests.support.users import new_session, new_user


async def test_a_commit_saves_everything(store: Store) -> None:
    user = new_user()
    session, message_id = new_session(user.id), uuid4()
    [registered] = user.events

    async with store.unit_of_work() as uow:
        await uow.users.create_user(user)
        await uow.sessions.create_session(session)
        await uow.notifications.create_notification(Notification.welcome(user.id, user.created_at))
        await uow.inbox.claim(message_id)
        await uow.commit()

    async with store.unit_of_work() as uow:
        assert (await uow.users.get_user_by_id(user.id)).id == user.id
        assert await uow.sessions.get_session_access(session.id, user.id)
        assert not await uow.inbox.claim(message_id)
    assert await store.notifications_of(user.id) == ["welcome"]
    assert await store.events_of(user.id) == [registered.event_id]


@pytest.mark.parametrize("error", [None, RuntimeError("in the middle"), KeyboardInterrupt()])
async def test_leaving_without_a_commit_saves_nothing(
    store: Store, error: BaseException | None
) -> None:
    user, message_id = new_user(), uuid4()
    left_by: BaseException | None = None

    try:
        async with store.unit_of_work() as uow:
            await uow.users.create_user(user)
            await uow.sessions.create_session(new_session(user.id))
            await uow.notifications.create_notification(
                Notification.welcome(user.id, user.created_at)
            )
            await uow.inbox.claim(message_id)
            if error is not None:
                raise error
    except (RuntimeError, KeyboardInterrupt) as raised:
        left_by = raised

    assert left_by is error
    async with store.unit_of_work() as uow:
        with pytest.raises(NotFoundDatabaseError):
            await uow.users.get_user_by_id(user.id)
        assert await uow.inbox.claim(message_id)
    assert await store.notifications_of(user.id) == []
    assert await store.events_of(user.id) == []


async def save(store: Store, user: User) -> None:
    async with store.unit_of_work() as uow:
        await uow.users.create_user(user)
        await uow.commit()


async def test_events_are_stored_once_and_in_the_order_in_which_they_happened(
    store: Store,
) -> None:
    user = new_user()
    user.change_password("second-hash", user.created_at + timedelta(seconds=1))
    user.change_password("third-hash", user.created_at + timedelta(seconds=2))
    happened = [event.event_id for event in user.events]

    await save(store, user)

    assert await store.events_of(user.id) == happened
    assert user.events == []


async def test_a_second_commit_does_not_store_an_event_again(store: Store) -> None:
    user = new_user()
    [registered] = user.events

    async with store.unit_of_work() as uow:
        await uow.users.create_user(user)
        await uow.commit()
        await uow.commit()

    assert await store.events_of(user.id) == [registered.event_id]


async def test_work_after_a_commit_is_saved_by_the_next_one_only(store: Store) -> None:
    first, second, third = new_user(), new_user(), new_user()

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
        assert (await uow.users.get_user_by_id(second.id)).id == second.id
        with pytest.raises(NotFoundDatabaseError):
            await uow.users.get_user_by_id(third.id)


async def test_a_unit_of_work_that_did_nothing_can_be_committed(store: Store) -> None:
    async with store.unit_of_work() as uow:
        await uow.commit()


async def test_units_of_work_are_independent_of_each_other(store: Store) -> None:
    saved, given_up = new_user(), new_user()

    async with store.unit_of_work() as one, store.unit_of_work() as other:
        await one.users.create_user(saved)
        await other.users.create_user(given_up)
        await one.commit()

    assert len(await store.events_of(saved.id)) == 1
    assert await store.events_of(given_up.id) == []


async def test_a_unit_of_work_that_was_left_holds_no_lock(store: Store) -> None:
    user = new_user()
    await save(store, user)

    for _ in range(3):
        async with store.unit_of_work() as uow:
            await uow.users.load_user_for_update(user.id)


async def test_a_unit_of_work_that_has_committed_holds_no_lock(store: Store) -> None:
    user = new_user()
    await save(store, user)

    async with store.unit_of_work() as one, store.unit_of_work() as other:
        await one.users.load_user_for_update(user.id)
        await one.commit()

        assert (await other.users.load_user_for_update(user.id)).id == user.id
