import asyncio
from uuid import uuid4

import pytest

from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from src.usecases.welcome_user import WelcomeUser
from tests.fakes.clock import MovableClock
from tests.fakes.database import InMemoryDatabase


@pytest.fixture
def welcome_user(unit_of_work: UnitOfWorkFactory) -> WelcomeUser:
    return WelcomeUser(unit_of_work)


async def test_a_new_user_gets_one_welcome(
    welcome_user: WelcomeUser, store: InMemoryDatabase, clock: MovableClock
) -> None:
    message_id, user_id = uuid4(), uuid4()

    await welcome_user.execute(message_id=message_id, user_id=user_id)

    [welcome] = store.rows.notifications.values()
    assert (welcome.user_id, welcome.kind, welcome.created_at) == (user_id, "welcome", clock.now)
    assert store.rows.processed_messages == {message_id}


async def test_a_second_delivery_does_nothing(
    welcome_user: WelcomeUser, store: InMemoryDatabase
) -> None:
    message_id, user_id = uuid4(), uuid4()

    for _ in range(2):
        await welcome_user.execute(message_id=message_id, user_id=user_id)

    assert len(store.rows.notifications) == 1


async def test_two_deliveries_at_once_have_one_effect(
    welcome_user: WelcomeUser, store: InMemoryDatabase
) -> None:
    message_id, user_id = uuid4(), uuid4()

    await asyncio.gather(
        *(welcome_user.execute(message_id=message_id, user_id=user_id) for _ in range(2))
    )

    assert len(store.rows.notifications) == 1


async def test_two_messages_have_two_effects(
    welcome_user: WelcomeUser, store: InMemoryDatabase
) -> None:
    for _ in range(2):
        await welcome_user.execute(message_id=uuid4(), user_id=uuid4())

    assert len(store.rows.notifications) == 2
