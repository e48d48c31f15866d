from uuid import UUID, uuid4

from tests.contract.conftest import Store, waiting_for


async def claim_and_commit(store: Store, message_id: UUID) -> bool:
    async with store.unit_of_work() as uow:
        is_new = await uow.inbox.claim(message_id)
        await uow.commit()
    return is_new


async def test_a_message_can_be_claimed_once(store: Store) -> None:
    message_id = uuid4()

    assert [await claim_and_commit(store, message_id) for _ in range(3)] == [True, False, False]
    assert await claim_and_commit(store, uuid4())


async def test_a_message_can_be_claimed_again_after_a_rollback(store: Store) -> None:
    message_id = uuid4()
    async with store.unit_of_work() as uow:
        assert await uow.inbox.claim(message_id)

    assert await claim_and_commit(store, message_id)


async def test_a_message_can_be_claimed_once_in_one_unit_of_work(store: Store) -> None:
    message_id = uuid4()

    async with store.unit_of_work() as uow:
        assert [await uow.inbox.claim(message_id) for _ in range(2)] == [True, False]


async def test_a_second_delivery_waits_for_the_first_and_is_refused_after_its_commit(
    store: Store,
) -> None:
    message_id = uuid4()

    async with store.unit_of_work() as uow:
        assert await uow.inbox.claim(message_id)
        async with waiting_for(claim_and_commit(store, message_id)) as second:
            await uow.commit()

    assert second.result() is False


async def test_a_second_delivery_waits_for_the_first_and_is_accepted_after_its_rollback(
    store: Store,
) -> None:
    message_id = uuid4()
    first = store.unit_of_work()
    await first.__aenter__()
    assert await first.inbox.claim(message_id)

    async with waiting_for(claim_and_commit(store, message_id)) as second:
        await first.__aexit__(None, None, None)

    assert second.result() is True
