from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from src.domain.user import EmailTakenError, User
from src.usecases.errors import NotFoundDatabaseError
from tests.contract.conftest import Store, waiting_for
from tests.support.users import new_email, new_user


async def save(store: Store, user: User) -> None:
    async with store.unit_of_work() as uow:
        await uow.users.create_user(user)
        await uow.commit()


async def load(store: Store, user: User) -> User:
    async with store.unit_of_work() as uow:
        return await uow.users.load_user_for_update(user.id)


async def change_password(store: Store, user: User, password_hash: str) -> User:
    async with store.unit_of_work() as uow:
        loaded = await uow.users.load_user_for_update(user.id)
        loaded.change_password(password_hash, loaded.updated_at + timedelta(hours=1))
        await uow.users.update_user_password(loaded)
        await uow.commit()
    return loaded


@pytest.fixture
async def ada(store: Store) -> User:
    user = new_user()
    await save(store, user)
    return user


async def test_a_loaded_user_is_equal_to_the_created_one(store: Store, ada: User) -> None:
    async with store.unit_of_work() as uow:
        by_email = await uow.users.load_user_by_email(ada.email_key)
        by_id = await uow.users.load_user_for_update(ada.id)

    assert by_email is not None
    assert vars(by_email) == vars(by_id) == vars(ada)


async def test_a_user_that_does_not_exist_is_not_found(store: Store) -> None:
    async with store.unit_of_work() as uow:
        assert await uow.users.load_user_by_email(new_email()) is None
        with pytest.raises(NotFoundDatabaseError):
            await uow.users.load_user_for_update(uuid4())


async def test_an_address_cannot_be_taken_twice(store: Store, ada: User) -> None:
    with pytest.raises(EmailTakenError):
        await save(store, replace(new_user(), email_key=ada.email_key))

    async with store.unit_of_work() as uow:
        stored = await uow.users.load_user_by_email(ada.email_key)
    assert stored is not None
    assert stored.id == ada.id


async def test_an_address_cannot_be_taken_twice_in_one_unit_of_work(store: Store) -> None:
    user = new_user()

    async with store.unit_of_work() as uow:
        await uow.users.create_user(user)
        with pytest.raises(EmailTakenError):
            await uow.users.create_user(replace(new_user(), email_key=user.email_key))


async def test_the_second_of_two_concurrent_creations_waits_and_finds_the_address_taken(
    store: Store,
) -> None:
    user = new_user()
    async with store.unit_of_work() as uow:
        await uow.users.create_user(user)
        other = replace(new_user(), email_key=user.email_key)
        async with waiting_for(save(store, other)) as second:
            await uow.commit()

    assert isinstance(second.exception(), EmailTakenError)


async def test_a_creation_that_is_rolled_back_leaves_the_address_free(store: Store) -> None:
    user = new_user()
    other = replace(new_user(), email_key=user.email_key)
    first = store.unit_of_work()
    await first.__aenter__()
    await first.users.create_user(user)

    async with waiting_for(save(store, other)) as second:
        await first.__aexit__(None, None, None)

    assert second.exception() is None
    async with store.unit_of_work() as uow:
        stored = await uow.users.load_user_by_email(user.email_key)
    assert stored is not None
    assert stored.id == other.id


async def test_a_changed_password_is_saved(store: Store, ada: User) -> None:
    changed = await change_password(store, ada, "another-hash")

    assert vars(await load(store, ada)) == vars(changed)
    assert (changed.password_hash, changed.version) == ("another-hash", 2)


async def test_a_deactivation_is_saved(store: Store, ada: User) -> None:
    async with store.unit_of_work() as uow:
        loaded = await uow.users.load_user_for_update(ada.id)
        loaded.deactivate(loaded.updated_at + timedelta(hours=1))
        await uow.users.update_user_activity(loaded)
        await uow.commit()

    assert vars(await load(store, ada)) == vars(loaded)
    assert (loaded.is_active, loaded.version) == (False, 2)


async def test_a_change_that_is_not_passed_to_the_repository_is_not_saved(
    store: Store, ada: User
) -> None:
    async with store.unit_of_work() as uow:
        loaded = await uow.users.load_user_for_update(ada.id)
        loaded.change_password("another-hash", loaded.updated_at)
        await uow.commit()

    assert (await load(store, ada)).password_hash == ada.password_hash


async def test_a_unit_of_work_sees_its_own_uncommitted_changes(store: Store) -> None:
    user = new_user()

    async with store.unit_of_work() as uow:
        await uow.users.create_user(user)
        assert (await uow.users.load_user_for_update(user.id)).email == user.email


async def test_no_other_unit_of_work_sees_an_uncommitted_change(store: Store, ada: User) -> None:
    async with store.unit_of_work() as uow, store.unit_of_work() as other:
        loaded = await uow.users.load_user_for_update(ada.id)
        loaded.change_password("another-hash", loaded.updated_at + timedelta(hours=1))
        await uow.users.update_user_password(loaded)

        seen = await other.users.load_user_by_email(ada.email_key)

    assert seen is not None
    assert vars(seen) == vars(ada)


async def test_a_user_loaded_for_update_is_locked_until_the_unit_of_work_ends(
    store: Store, ada: User
) -> None:
    async with store.unit_of_work() as uow:
        loaded = await uow.users.load_user_for_update(ada.id)
        async with waiting_for(change_password(store, ada, "second-hash")) as second:
            loaded.change_password("first-hash", loaded.updated_at)
            await uow.users.update_user_password(loaded)
            await uow.commit()

    assert second.result().version == 3


async def test_loading_a_user_by_address_does_not_wait_for_a_lock(store: Store, ada: User) -> None:
    async with store.unit_of_work() as uow, store.unit_of_work() as other:
        await uow.users.load_user_for_update(ada.id)

        assert await other.users.load_user_by_email(ada.email_key)
