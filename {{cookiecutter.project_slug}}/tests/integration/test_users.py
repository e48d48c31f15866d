"""The table `users`: what the contract suite cannot say."""

import pytest
from sqlalchemy.exc import IntegrityError

from src.domain.user import User
from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from tests.support.users import new_user


async def test_only_the_constraint_of_the_address_means_that_the_address_is_taken(
    unit_of_work: UnitOfWorkFactory, user: User
) -> None:
    same_id = new_user()
    same_id.id = user.id
    async with unit_of_work() as uow:
        with pytest.raises(IntegrityError):
            await uow.users.create_user(same_id)
