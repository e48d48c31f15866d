from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from src.domain.session import Refresh, Session
from src.domain.user import User
from src.usecases.ports.sessions import SessionAccess
from tests.contract.conftest import Store, waiting_for
from tests.support.users import LIFETIME, new_session, new_user


async def save_user(store: Store) -> User:
    user = new_user()
    async with store.unit_of_work() as uow:
        await uow.users.create_user(user)
        await uow.commit()
    return user


async def save_session(store: Store, user: User) -> Session:
    session = new_session(user.id)
    async with store.unit_of_work() as uow:
        await uow.sessions.create_session(session)
        await uow.commit()
    return session


async def revoke(store: Store, session_id: UUID) -> Session:
    async with store.unit_of_work() as uow:
        session = await uow.sessions.load_session_for_update(session_id)
        assert session is not None
        session.revoke(session.rotated_at + timedelta(seconds=1))
        await uow.sessions.update_session(session)
        await uow.commit()
    return session


async def load(store: Store, session_id: UUID) -> Session:
    async with store.unit_of_work() as uow:
        session = await uow.sessions.load_session_for_update(session_id)
    assert session is not None
    return session


async def find_access(store: Store, session_id: UUID, user_id: UUID) -> SessionAccess | None:
    async with store.unit_of_work() as uow:
        return await uow.sessions.get_session_access(session_id, user_id)


async def is_revoked(store: Store, session: Session) -> bool:
    """Return what decides about the access tokens of a session, through the cache."""
    access = await find_access(store, session.id, session.user_id)
    assert access is not None
    return access.is_revoked


@pytest.fixture
async def ada(store: Store) -> User:
    return await save_user(store)


@pytest.fixture
async def session(store: Store, ada: User) -> Session:
    return await save_session(store, ada)


async def test_a_loaded_session_is_equal_to_the_created_one(store: Store, session: Session) -> None:
    assert vars(await load(store, session.id)) == vars(session)


async def test_a_session_that_does_not_exist_is_none(store: Store, ada: User) -> None:
    async with store.unit_of_work() as uow:
        assert await uow.sessions.load_session_for_update(uuid4()) is None
        assert await uow.sessions.get_session_access(uuid4(), ada.id) is None


async def test_the_access_of_a_session_is_the_same_from_the_database_and_from_the_cache(
    store: Store, ada: User, session: Session
) -> None:
    for _ in range(2):
        access = await find_access(store, session.id, ada.id)

        assert access is not None
        user = access.user
        assert (user.id, user.email, user.is_active) == (ada.id, ada.email, True)
        assert (user.created_at, user.updated_at) == (ada.created_at, ada.updated_at)
        assert not access.is_revoked
        assert access.absolute_expires_at == session.absolute_expires_at


async def test_a_session_gives_no_access_to_another_user(store: Store, session: Session) -> None:
    other = await save_user(store)

    assert await find_access(store, session.id, other.id) is None


async def test_two_cached_sessions_give_no_access_to_each_others_user(
    store: Store, ada: User, session: Session
) -> None:
    other = await save_user(store)
    other_session = await save_session(store, other)
    assert await find_access(store, session.id, ada.id)
    assert await find_access(store, other_session.id, other.id)

    assert await find_access(store, session.id, other.id) is None


async def test_a_refreshed_session_is_saved(store: Store, ada: User, session: Session) -> None:
    now = session.rotated_at + timedelta(minutes=5)
    async with store.unit_of_work() as uow:
        loaded = await uow.sessions.load_session_for_update(session.id)
        assert loaded is not None
        assert loaded.refresh(1, LIFETIME, now) is Refresh.ROTATED
        await uow.sessions.update_session(loaded)
        await uow.commit()

    assert vars(await load(store, session.id)) == vars(loaded)
    assert await find_access(store, session.id, ada.id)


async def test_readers_see_a_revocation_as_soon_as_it_is_committed(
    store: Store, session: Session
) -> None:
    assert not await is_revoked(store, session)

    revoked = await revoke(store, session.id)

    assert await is_revoked(store, session)
    assert (await load(store, session.id)).revoked_at == revoked.revoked_at


async def test_readers_see_a_password_change_as_soon_as_it_is_committed(
    store: Store, ada: User, session: Session
) -> None:
    assert await find_access(store, session.id, ada.id)

    async with store.unit_of_work() as uow:
        user = await uow.users.load_user_for_update(ada.id)
        user.change_password("another-hash", user.updated_at + timedelta(hours=1))
        await uow.users.update_user_password(user)
        await uow.commit()

    access = await find_access(store, session.id, ada.id)
    assert access is not None
    assert access.user.updated_at == user.updated_at


async def test_a_session_is_visible_after_its_commit_and_not_before(
    store: Store, ada: User
) -> None:
    session = new_session(ada.id)

    async with store.unit_of_work() as uow:
        await uow.sessions.create_session(session)
        assert await find_access(store, session.id, ada.id) is None
        await uow.commit()

    assert await find_access(store, session.id, ada.id)


async def test_a_session_loaded_for_update_is_locked_until_the_unit_of_work_ends(
    store: Store, session: Session
) -> None:
    async with store.unit_of_work() as uow:
        loaded = await uow.sessions.load_session_for_update(session.id)
        assert loaded is not None
        async with waiting_for(load(store, session.id)) as second:
            loaded.refresh(1, LIFETIME, session.rotated_at)
            await uow.sessions.update_session(loaded)
            await uow.commit()

    assert second.result().generation == 2


async def test_revoking_sessions_ends_all_sessions_of_the_user_but_the_kept_one(
    store: Store, ada: User
) -> None:
    sessions = [await save_session(store, ada) for _ in range(3)]
    assert [await is_revoked(store, session) for session in sessions] == [False] * 3
    now = sessions[0].rotated_at + timedelta(hours=1)

    async with store.unit_of_work() as uow:
        await uow.sessions.revoke_sessions(ada.id, now, keep=sessions[1].id)
        await uow.commit()

    assert [await is_revoked(store, session) for session in sessions] == [True, False, True]
    loaded = [await load(store, session.id) for session in sessions]
    assert [session.revoked_at for session in loaded] == [now, None, now]


async def test_revoking_sessions_does_not_end_sessions_of_other_users(
    store: Store, ada: User, session: Session
) -> None:
    other_session = await save_session(store, await save_user(store))

    async with store.unit_of_work() as uow:
        await uow.sessions.revoke_sessions(ada.id, session.rotated_at, keep=session.id)
        await uow.commit()

    assert not await is_revoked(store, other_session)


async def test_revoking_sessions_keeps_the_time_of_an_earlier_revocation(
    store: Store, ada: User, session: Session
) -> None:
    ended = await revoke(store, session.id)

    async with store.unit_of_work() as uow:
        later = session.rotated_at + timedelta(hours=1)
        await uow.sessions.revoke_sessions(ada.id, later, keep=uuid4())
        await uow.commit()

    assert (await load(store, session.id)).revoked_at == ended.revoked_at


async def test_readers_see_a_closed_account_and_its_ended_sessions_as_soon_as_it_is_committed(
    store: Store, ada: User
) -> None:
    sessions = [await save_session(store, ada) for _ in range(2)]
    assert all([await find_access(store, session.id, ada.id) for session in sessions])

    async with store.unit_of_work() as uow:
        user = await uow.users.load_user_for_update(ada.id)
        user.deactivate(user.updated_at + timedelta(hours=1))
        await uow.users.update_user_activity(user)
        await uow.sessions.revoke_sessions(ada.id, user.updated_at)
        await uow.commit()

    for session in sessions:
        access = await find_access(store, session.id, ada.id)
        assert access is not None
        assert access.is_revoked
        assert not access.user.is_active


async def test_a_session_of_an_inactive_user_is_not_loaded_for_update(
    store: Store, ada: User, session: Session
) -> None:
    async with store.unit_of_work() as uow:
        user = await uow.users.load_user_for_update(ada.id)
        user.deactivate(user.updated_at)
        await uow.users.update_user_activity(user)
        await uow.commit()

    async with store.unit_of_work() as uow:
        assert await uow.sessions.load_session_for_update(session.id) is None
