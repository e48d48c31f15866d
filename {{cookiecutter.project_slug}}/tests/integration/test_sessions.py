"""The table `sessions`."""

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from src.domain.session import Session
from src.domain.user import User
from src.usecases.ports.sessions import SessionAccess
from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from tests.support.users import LIFETIME, new_session, new_user


async def load(unit_of_work: UnitOfWorkFactory, session_id: UUID) -> Session | None:
    """Return a session as it is saved."""
    async with unit_of_work() as uow:
        return await uow.sessions.load_session_for_update(session_id)


async def access(unit_of_work: UnitOfWorkFactory, session: Session) -> SessionAccess:
    """Return what requests with this session's access token are judged by."""
    async with unit_of_work() as uow:
        found = await uow.sessions.get_session_access(session.id, session.user_id)
    assert found is not None
    return found


async def test_a_saved_session_comes_back_as_it_was(
    unit_of_work: UnitOfWorkFactory, session: Session
) -> None:
    loaded = await load(unit_of_work, session.id)
    assert loaded is not None
    assert asdict(loaded) == asdict(session)


async def test_a_session_that_was_moved_on_comes_back_moved_on(
    unit_of_work: UnitOfWorkFactory, session: Session
) -> None:
    async with unit_of_work() as uow:
        loaded = await uow.sessions.load_session_for_update(session.id)
        assert loaded is not None
        loaded.refresh(1, LIFETIME, session.rotated_at + timedelta(minutes=1))
        await uow.sessions.update_session(loaded)
        await uow.commit()
    moved = await load(unit_of_work, session.id)
    assert moved is not None
    assert asdict(moved) == asdict(loaded)
    assert moved.generation == 2


async def test_a_session_nobody_saved_is_none(
    unit_of_work: UnitOfWorkFactory, session: Session
) -> None:
    assert await load(unit_of_work, uuid4()) is None
    async with unit_of_work() as uow:
        assert await uow.sessions.get_session_access(uuid4(), session.user_id) is None


async def test_a_session_gives_no_access_to_another_user(
    unit_of_work: UnitOfWorkFactory, session: Session
) -> None:
    other = new_user()
    async with unit_of_work() as uow:
        await uow.users.create_user(other)
        await uow.commit()
    for _ in range(2):  # from Postgres, and from what that may have cached
        async with unit_of_work() as uow:
            assert await uow.sessions.get_session_access(session.id, other.id) is None


async def test_the_session_and_its_user_are_read_alike_from_postgres_and_from_the_cache(
    unit_of_work: UnitOfWorkFactory, user: User, session: Session
) -> None:
    from_postgres = await access(unit_of_work, session)
    from_cache = await access(unit_of_work, session)
    assert from_postgres == from_cache
    assert from_cache.user.email == user.email
    assert from_cache.absolute_expires_at == session.absolute_expires_at
    assert not from_cache.is_revoked


async def test_a_revoked_session_is_seen_as_revoked_at_once(
    unit_of_work: UnitOfWorkFactory, session: Session
) -> None:
    await access(unit_of_work, session)
    async with unit_of_work() as uow:
        loaded = await uow.sessions.load_session_for_update(session.id)
        assert loaded is not None
        loaded.revoke(datetime.now(UTC))
        await uow.sessions.update_session(loaded)
        await uow.commit()
    assert (await access(unit_of_work, session)).is_revoked


async def test_revoking_the_others_ends_every_other_session_of_this_user_and_no_more(
    unit_of_work: UnitOfWorkFactory, user: User, session: Session
) -> None:
    stranger = new_user()
    others = [new_session(user.id), new_session(user.id)]
    strange = new_session(stranger.id)
    async with unit_of_work() as uow:
        await uow.users.create_user(stranger)
        for new in (*others, strange):
            await uow.sessions.create_session(new)
        await uow.commit()
    for each in (session, strange, *others):
        await access(unit_of_work, each)  # so that all are cached
    async with unit_of_work() as uow:
        await uow.sessions.revoke_sessions(user.id, datetime.now(UTC), keep=session.id)
        await uow.commit()
    ended = [(await access(unit_of_work, s)).is_revoked for s in (session, strange, *others)]
    assert ended == [False, False, True, True]


async def test_a_session_loaded_for_update_is_locked_until_the_unit_of_work_ends(
    unit_of_work: UnitOfWorkFactory, session: Session
) -> None:
    async with unit_of_work() as uow:
        locked = await uow.sessions.load_session_for_update(session.id)
        assert locked is not None
        waiting = asyncio.create_task(load(unit_of_work, session.id))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        locked.refresh(1, LIFETIME, datetime.now(UTC))
        await uow.sessions.update_session(locked)
        await uow.commit()
    seen = await waiting
    assert seen is not None
    assert seen.generation == 2
