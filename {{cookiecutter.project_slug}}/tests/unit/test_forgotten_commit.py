"""The fixture `no_forgotten_commit` depends on this: a forgotten commit is noted."""

from contextlib import suppress
from uuid import uuid4

from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from tests.fakes.unit_of_work import InMemoryUnitOfWork


async def test_leaving_a_unit_of_work_with_uncommitted_changes_is_noted(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    async with unit_of_work() as uow:
        await uow.inbox.claim(uuid4())

    assert InMemoryUnitOfWork.forgotten == ["ProcessedMessage"]
    InMemoryUnitOfWork.forgotten.clear()


async def test_changes_after_the_commit_are_noted_too(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        await uow.inbox.claim(uuid4())
        await uow.commit()
        await uow.inbox.claim(uuid4())

    assert InMemoryUnitOfWork.forgotten == ["ProcessedMessage"]
    InMemoryUnitOfWork.forgotten.clear()


async def test_a_commit_a_read_and_an_exception_are_no_forgotten_commit(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    message_id = uuid4()
    async with unit_of_work() as uow:
        await uow.inbox.claim(message_id)
        await uow.commit()
    async with unit_of_work() as uow:
        assert not await uow.inbox.claim(message_id)
    with suppress(LookupError):
        async with unit_of_work() as uow:
            await uow.inbox.claim(uuid4())
            raise LookupError

    assert InMemoryUnitOfWork.forgotten == []
