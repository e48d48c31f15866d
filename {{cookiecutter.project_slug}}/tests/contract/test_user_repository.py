from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from src.domain.errors import EmailTakenError
from src.domain.user import User
from src.usecases.ports.users import NotFoundDatabaseError
from tests.contract.conftest import Store, waiting_for
from tests.support.users import new_email, new_user


async def save(store: Store, user: User) -> None:
    async with store.unit_of_work() as uow:
        await uow.users.create_user(user)
        await uow.commit()


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


async def test_a_user_is_read_as_it_was_created(store: Store, ada: User) -> None:
    async with store.unit_of_work() as uow:
        for _ in range(2):
            by_id = await uow.users.get_user_by_id(ada.id)
            by_email = await uow.users.get_user_by_email(ada.email)

            assert by_id == by_email
            assert (by_id.id, by_id.email, by_id.is_active) == (ada.id, ada.email, True)
            assert (by_id.created_at, by_id.updated_at) == (ada.created_at, ada.updated_at)


async def test_a_user_is_loaded_with_all_that_a_change_needs(store: Store, ada: User) -> None:
    async with store.unit_of_work() as uow:
        for loaded in (
            await uow.users.load_user_by_email(ada.email),
            await uow.users.load_user_for_update(ada.id),
        ):
            assert loaded is not None
            assert vars(loaded) == vars(ada)
            assert loaded.events == []


async def test_a_user_who_is_not_there_is_not_found(store: Store) -> None:
    async with store.unit_of_work() as uow:
        with pytest.raises(NotFoundDatabaseError):
            await uow.users.get_user_by_id(uuid4())
        with pytest.raises(NotFoundDatabaseError):
            await uow.users.get_user_by_email(new_email())
        with pytest.raises(NotFoundDatabaseError):
            await uow.users.load_user_for_update(uuid4())
        assert await uow.users.load_user_by_email(new_email()) is None


async def test_a_user_who_was_looked_for_in_vain_is_found_once_created(store: Store) -> None:
    user = new_user()
    async with store.unit_of_work() as uow:
        with pytest.raises(NotFoundDatabaseError):
            await uow.users.get_user_by_id(user.id)
        with pytest.raises(NotFoundDatabaseError):
            await uow.users.get_user_by_email(user.email)

    await save(store, user)

    async with store.unit_of_work() as uow:
        assert (await uow.users.get_user_by_id(user.id)).email == user.email
        assert (await uow.users.get_user_by_email(user.email)).id == user.id


async def test_an_address_cannot_be_taken_twice(store: Store, ada: User) -> None:
    with pytest.raises(EmailTakenError):
        await save(store, replace(new_user(), email=ada.email))

    async with store.unit_of_work() as uow:
        assert (await uow.users.get_user_by_email(ada.email)).id == ada.id


async def test_of_two_creations_at_once_the_second_waits_and_finds_the_address_taken(
    store: Store,
) -> None:
    user = new_user()
    async with store.unit_of_work() as uow:
        await uow.users.create_user(user)
        async with waiting_for(save(store, replace(new_user(), email=user.email))) as second:
            await uow.commit()

    assert isinstance(second.exception(), EmailTakenError)


async def test_a_creation_that_is_rolled_back_leaves_the_address_free(store: Store) -> None:
    user, other = new_user(), new_user()
    other.email = user.email
    first = store.unit_of_work()
    await first.__aenter__()
    await first.users.create_user(user)

    async with waiting_for(save(store, other)) as second:
        await first.__aexit__(None, None, None)

    assert second.exception() is None
    async with store.unit_of_work() as uow:
        assert (await uow.users.get_user_by_email(user.email)).id == other.id


async def test_a_changed_password_is_saved_and_what_readers_see_is_not_stale(
    store: Store, ada: User
) -> None:
    async with store.unit_of_work() as uow:
        await uow.users.get_user_by_id(ada.id)
        await uow.users.get_user_by_email(ada.email)

    changed = await change_password(store, ada, "another-hash")

    async with store.unit_of_work() as uow:
        loaded = await uow.users.load_user_for_update(ada.id)
        assert (loaded.password_hash, loaded.version) == ("another-hash", 2)
        assert (await uow.users.get_user_by_id(ada.id)).updated_at == changed.updated_at
        assert (await uow.users.get_user_by_email(ada.email)).updated_at == changed.updated_at


async def test_a_change_that_is_not_stored_is_not_kept(store: Store, ada: User) -> None:
    async with store.unit_of_work() as uow:
        loaded = await uow.users.load_user_for_update(ada.id)
        loaded.change_password("forgotten", loaded.updated_at)
        await uow.commit()

    async with store.unit_of_work() as uow:
        assert (await uow.users.load_user_for_update(ada.id)).password_hash == ada.password_hash


async def test_a_unit_of_work_loads_what_it_has_itself_written(store: Store) -> None:
    user = new_user()

    async with store.unit_of_work() as uow:
        await uow.users.create_user(user)
        assert (await uow.users.load_user_for_update(user.id)).email == user.email


async def test_nobody_else_sees_a_change_before_it_is_committed(store: Store, ada: User) -> None:
    async with store.unit_of_work() as uow, store.unit_of_work() as other:
        loaded = await uow.users.load_user_for_update(ada.id)
        loaded.change_password("another-hash", loaded.updated_at + timedelta(hours=1))
        await uow.users.update_user_password(loaded)

        seen = await other.users.load_user_by_email(ada.email)
        assert seen is not None
        assert seen.password_hash == ada.password_hash
        assert (await other.users.get_user_by_id(ada.id)).updated_at == ada.updated_at


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


async def test_reading_a_user_does_not_wait_for_whoever_changes_it(store: Store, ada: User) -> None:
    async with store.unit_of_work() as uow, store.unit_of_work() as other:
        await uow.users.load_user_for_update(ada.id)

        assert (await other.users.get_user_by_id(ada.id)).id == ada.id
        assert await other.users.load_user_by_email(ada.email)
