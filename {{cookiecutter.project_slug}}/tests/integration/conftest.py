"""What the tests of the adapters share."""

from collections.abc import AsyncIterator

import punq
import pytest

from src.config import Settings
from src.container import build_container, open_resources
from src.domain.session import Session
from src.domain.user import User
from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from tests.support.users import new_session, new_user


@pytest.fixture(scope="session")
async def container(
    settings: Settings, cache_server: None, message_server: None
) -> AsyncIterator[punq.Container]:
    """The service's parts, made once: no test here puts another in the place of one."""
    container = build_container(settings)
    async with open_resources(container):
        yield container


@pytest.fixture
def unit_of_work(container: punq.Container) -> UnitOfWorkFactory:
    """Units of work as the service opens them."""
    factory: UnitOfWorkFactory = container.resolve(UnitOfWorkFactory)
    return factory


@pytest.fixture
async def user(unit_of_work: UnitOfWorkFactory) -> User:
    """A user who is saved."""
    user = new_user()
    async with unit_of_work() as uow:
        await uow.users.create_user(user)
        await uow.commit()
    return user


@pytest.fixture
async def session(unit_of_work: UnitOfWorkFactory, user: User) -> Session:
    """A session of that user, saved."""
    session = new_session(user.id)
    async with unit_of_work() as uow:
        await uow.sessions.create_session(session)
        await uow.commit()
    return session
