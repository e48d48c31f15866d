"""The table `users`."""

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy.exc import IntegrityError

from src.domain.errors import EmailTakenError
from src.domain.user import User
from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from src.usecases.ports.users import NotFoundDatabaseError
from tests.support.users import new_email, new_user


async def test_a_saved_user_comes_back_as_it_was(
    unit_of_work: UnitOfWorkFactory, user: User
) -> None:
    async with unit_of_work() as uow:
        by_email = await uow.users.load_user_by_email(user.email)
        by_id = await uow.users.load_user_for_update(user.id)
        profile = await uow.users.get_user_by_id(user.id)
        assert profile == await uow.users.get_user_by_email(user.email)
    assert by_email is not None
    assert asdict(by_email) == asdict(by_id) == asdict(user)
    assert asdict(user).items() >= asdict(profile).items()


async def test_a_user_nobody_saved_is_not_found(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        assert await uow.users.load_user_by_email(new_email()) is None
        with pytest.raises(NotFoundDatabaseError):
            await uow.users.get_user_by_email(new_email())
        with pytest.raises(NotFoundDatabaseError):
            await uow.users.get_user_by_id(uuid4())
        with pytest.raises(NotFoundDatabaseError):
            await uow.users.load_user_for_update(uuid4())


async def test_an_email_address_is_taken_once(unit_of_work: UnitOfWorkFactory, user: User) -> None:
    async with unit_of_work() as uow:
        with pytest.raises(EmailTakenError):
            await uow.users.create_user(
                User.register(user.email, "another hash", datetime.now(UTC))
            )


async def test_of_two_registrations_at_once_with_one_address_the_second_is_told_it_is_taken(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    first, second = new_user(), new_user()
    second.email = first.email

    async def create_second() -> None:
        async with unit_of_work() as uow:
            await uow.users.create_user(second)
            await uow.commit()

    async with unit_of_work() as uow:
        await uow.users.create_user(first)
        race = asyncio.create_task(create_second())
        await asyncio.sleep(0.1)
        assert not race.done()  # it waits for what becomes of the first
        await uow.commit()
    with pytest.raises(EmailTakenError):
        await race


async def test_another_broken_constraint_is_not_mistaken_for_a_taken_address(
    unit_of_work: UnitOfWorkFactory, user: User
) -> None:
    same_id = new_user()
    same_id.id = user.id
    async with unit_of_work() as uow:
        with pytest.raises(IntegrityError):
            await uow.users.create_user(same_id)


async def test_a_user_loaded_for_update_is_locked_until_the_unit_of_work_ends(
    unit_of_work: UnitOfWorkFactory, user: User
) -> None:
    async def load() -> User:
        async with unit_of_work() as uow:
            return await uow.users.load_user_for_update(user.id)

    async with unit_of_work() as uow:
        locked = await uow.users.load_user_for_update(user.id)
        waiting = asyncio.create_task(load())
        await asyncio.sleep(0.1)
        assert not waiting.done()
        locked.change_password("the hash of the first", datetime.now(UTC))
        await uow.users.update_user_password(locked)
        await uow.commit()
    seen = await waiting
    assert (seen.password_hash, seen.version) == ("the hash of the first", 2)
    assert seen.updated_at == locked.updated_at
