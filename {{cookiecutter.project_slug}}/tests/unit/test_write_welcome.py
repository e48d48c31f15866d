from uuid import uuid4

from src.consumers.write_welcome import UserRegisteredV1, write_welcome
from src.domain.notification import Notification
from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from tests.fakes.clock import MovableClock
from tests.fakes.database import InMemoryDatabase


async def test_a_new_user_gets_one_welcome(
    unit_of_work: UnitOfWorkFactory, store: InMemoryDatabase, clock: MovableClock
) -> None:
    event = UserRegisteredV1(user_id=uuid4())

    async with unit_of_work() as uow:
        await write_welcome(event, uow)
        await uow.commit()

    [welcome] = store.all(Notification)
    assert (welcome.user_id, welcome.kind) == (event.user_id, "welcome")
    assert welcome.created_at == clock.now
