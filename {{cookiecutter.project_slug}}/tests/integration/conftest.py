"""Fixtures for tests of the adapters on the run's servers."""

from collections.abc import AsyncIterator

import punq
import pytest

from src.container import build_container, open_resources
from src.domain.session import Session
from src.domain.user import User
from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from src.utils.settings import Settings
from tests.support.users import new_session, new_user


@pytest.fixture(scope="session")
async def container(
    settings: Settings, cache_server: None, message_server: None
) -> AsyncIterator[punq.Container]:
    """The service's parts, shared by all tests here: none of them replaces a part."""
    container = build_container(settings)
    async with open_resources(container):
        yield container


@pytest.fixture
def unit_of_work(container: punq.Container) -> UnitOfWorkFactory:
    """The units of work of the service."""
    factory: UnitOfWorkFactory = container.resolve(UnitOfWorkFactory)
    return factory


@pytest.fixture
async def user(unit_of_work: UnitOfWorkFactory) -> User:
    """A saved user."""
    user = new_user()
    async with unit_of_work() as uow:
        await uow.users.create_user(user)
        await uow.commit()
    return user


@pytest.fixture
async def session(unit_of_work: UnitOfWorkFactory, user: User) -> Session:
    """A saved session of that user."""
    session = new_session(user.id)
    async with unit_of_work() as uow:
        await uow.sessions.create_session(session)
        await uow.commit()
    return session
