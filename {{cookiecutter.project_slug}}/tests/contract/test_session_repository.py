from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from src.domain.session import Refresh, Session, SessionLifetime
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


async def access_to(store: Store, session_id: UUID, user_id: UUID) -> SessionAccess | None:
    async with store.unit_of_work() as uow:
        return await uow.sessions.get_session_access(session_id, user_id)


@pytest.fixture
async def ada(store: Store) -> User:
    return await save_user(store)


@pytest.fixture
async def session(store: Store, ada: User) -> Session:
    return await save_session(store, ada)


async def test_a_session_is_loaded_as_it_was_created(store: Store, session: Session) -> None:
    loaded = await load(store, session.id)

    assert vars(loaded) == vars(session)


async def test_a_session_that_is_not_there_is_none(store: Store, ada: User) -> None:
    async with store.unit_of_work() as uow:
        assert await uow.sessions.load_session_for_update(uuid4()) is None
        assert await uow.sessions.get_session_access(uuid4(), ada.id) is None


async def test_a_session_gives_access_to_its_user(
    store: Store, ada: User, session: Session
) -> None:
    for _ in range(2):
        access = await access_to(store, session.id, ada.id)

        assert access is not None
        assert (access.user.id, access.user.email, access.user.is_active) == (
            ada.id,
            ada.email,
            True,
        )
        assert not access.is_revoked
        assert access.absolute_expires_at == session.absolute_expires_at


async def test_a_session_gives_no_access_to_another_user(store: Store, session: Session) -> None:
    other = await save_user(store)

    assert await access_to(store, session.id, other.id) is None


async def test_a_session_gives_no_access_to_another_user_though_both_were_read_before(
    store: Store, ada: User, session: Session
) -> None:
    other = await save_user(store)
    others_session = await save_session(store, other)
    assert await access_to(store, session.id, ada.id)
    assert await access_to(store, others_session.id, other.id)

    assert await access_to(store, session.id, other.id) is None


async def test_a_refreshed_session_is_saved(store: Store, ada: User, session: Session) -> None:
    now = session.rotated_at + timedelta(minutes=5)
    async with store.unit_of_work() as uow:
        loaded = await uow.sessions.load_session_for_update(session.id)
        assert loaded is not None
        assert loaded.refresh(1, LIFETIME, now) is Refresh.ROTATED
        await uow.sessions.update_session(loaded)
        await uow.commit()

    again = await load(store, session.id)
    assert (again.generation, again.rotated_at) == (2, now)
    assert again.idle_expires_at == now + LIFETIME.idle
    assert await access_to(store, session.id, ada.id)


async def test_a_revoked_session_is_seen_as_revoked_at_once(
    store: Store, ada: User, session: Session
) -> None:
    assert await access_to(store, session.id, ada.id)

    revoked = await revoke(store, session.id)

    access = await access_to(store, session.id, ada.id)
    assert access is not None
    assert access.is_revoked
    assert (await load(store, session.id)).revoked_at == revoked.revoked_at


async def test_a_session_is_not_seen_before_it_is_committed(store: Store, ada: User) -> None:
    session = new_session(ada.id)

    async with store.unit_of_work() as uow:
        await uow.sessions.create_session(session)
        assert await access_to(store, session.id, ada.id) is None
        await uow.commit()

    assert await access_to(store, session.id, ada.id)


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


async def test_all_sessions_of_a_user_but_one_are_revoked_at_once(store: Store, ada: User) -> None:
    sessions = [await save_session(store, ada) for _ in range(3)]
    for session in sessions:
        assert await access_to(store, session.id, ada.id)
    now = sessions[0].rotated_at + timedelta(hours=1)

    async with store.unit_of_work() as uow:
        await uow.sessions.revoke_sessions(ada.id, now, keep=sessions[1].id)
        await uow.commit()

    seen = [await access_to(store, session.id, ada.id) for session in sessions]
    assert [access and access.is_revoked for access in seen] == [True, False, True]
    loaded = [await load(store, session.id) for session in sessions]
    assert [session.revoked_at for session in loaded] == [now, None, now]


async def test_sessions_of_other_users_go_on(store: Store, ada: User, session: Session) -> None:
    other = await save_user(store)
    others_session = await save_session(store, other)

    async with store.unit_of_work() as uow:
        await uow.sessions.revoke_sessions(ada.id, session.rotated_at, keep=session.id)
        await uow.commit()

    access = await access_to(store, others_session.id, other.id)
    assert access is not None
    assert not access.is_revoked


async def test_a_session_that_ended_before_keeps_the_time_of_its_end(
    store: Store, ada: User, session: Session
) -> None:
    ended = await revoke(store, session.id)

    async with store.unit_of_work() as uow:
        later = session.rotated_at + timedelta(hours=1)
        await uow.sessions.revoke_sessions(ada.id, later, keep=uuid4())
        await uow.commit()

    assert (await load(store, session.id)).revoked_at == ended.revoked_at


async def test_an_account_is_closed_together_with_all_its_sessions(store: Store, ada: User) -> None:
    sessions = [await save_session(store, ada) for _ in range(2)]
    assert all([await access_to(store, session.id, ada.id) for session in sessions])

    async with store.unit_of_work() as uow:
        user = await uow.users.load_user_for_update(ada.id)
        user.deactivate(user.updated_at + timedelta(hours=1))
        await uow.users.update_user_activity(user)
        await uow.sessions.revoke_sessions(ada.id, user.updated_at)
        await uow.commit()

    for session in sessions:
        access = await access_to(store, session.id, ada.id)
        assert access is not None
        assert access.is_revoked
        assert not access.user.is_active
    async with store.unit_of_work() as uow:
        assert await uow.sessions.load_session_for_update(sessions[0].id) is None
        closed = await uow.users.load_user_for_update(ada.id)
        assert (closed.is_active, closed.version) == (False, 2)
        assert not (await uow.users.get_user_by_id(ada.id)).is_active


async def test_sessions_that_expired_before_a_moment_are_forgotten_and_no_others(
    store: Store, ada: User
) -> None:
    now = datetime.now(UTC)
    day = SessionLifetime(idle=timedelta(days=1), absolute=timedelta(days=1))
    ages = [timedelta(days=days) for days in (9, 8.01, 7.5, 0)]
    sessions = [Session.start(ada.id, day, now - age) for age in ages]
    async with store.unit_of_work() as uow:
        for session in sessions:
            await uow.sessions.create_session(session)
        await uow.commit()

    async with store.unit_of_work() as uow:
        assert await uow.sessions.forget_expired_sessions(now - timedelta(days=7)) == 2
        await uow.commit()

    async with store.unit_of_work() as uow:
        kept = [await uow.sessions.load_session_for_update(session.id) for session in sessions]
    assert [session is not None for session in kept] == [False, False, True, True]
