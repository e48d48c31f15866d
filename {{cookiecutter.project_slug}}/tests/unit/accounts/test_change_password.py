import asyncio
from functools import partial
from uuid import UUID, uuid4

import pytest
from structlog.typing import EventDict

from src.domain.aggregate import RecordedEvent
from src.domain.errors import AuthenticationError
from src.domain.session import Session
from src.domain.user import User, UserPasswordChanged
from src.usecases.accounts.change_password import ChangePassword
from src.usecases.accounts.log_in import LogIn
from src.usecases.ports.login_throttle import TooManyAttemptsError
from src.usecases.ports.password_hasher import WeakPasswordError
from src.usecases.ports.token_service import TokenService
from tests.fakes.clock import MovableClock
from tests.fakes.database import InMemoryDatabase
from tests.fakes.password_hasher import COMMON_PASSWORD, FakePasswordHasher
from tests.unit.accounts.conftest import HOME, PASSWORD

NEW_PASSWORD = "another long passphrase"


def recorded_changes(store: InMemoryDatabase) -> list[RecordedEvent]:
    """Return the committed events of changed passwords."""
    return [it for it in store.events if isinstance(it.event, UserPasswordChanged)]


@pytest.fixture
async def session_ids(log_in: LogIn, token_service: TokenService, ada: User) -> list[UUID]:
    """The ids of three sessions of one user."""
    pairs = [
        await log_in.execute(email=ada.email, password=PASSWORD, address=HOME) for _ in range(3)
    ]
    return [token_service.read_refresh_token(pair.refresh_token).session_id for pair in pairs]


async def test_a_change_replaces_the_password_and_records_one_event(
    change_password: ChangePassword,
    password_hasher: FakePasswordHasher,
    store: InMemoryDatabase,
    clock: MovableClock,
    ada: User,
) -> None:
    clock.advance(hours=1)

    await change_password.execute(
        user_id=ada.id,
        session_id=uuid4(),
        current_password=PASSWORD,
        new_password=NEW_PASSWORD,
    )

    [saved] = store.all(User)
    assert await password_hasher.verify(saved.password_hash, NEW_PASSWORD)
    assert not await password_hasher.verify(saved.password_hash, PASSWORD)
    assert saved.updated_at == clock.now
    assert [recorded.aggregate_version for recorded in recorded_changes(store)] == [2]


async def test_a_change_ends_every_other_session_of_the_user(
    change_password: ChangePassword,
    store: InMemoryDatabase,
    clock: MovableClock,
    ada: User,
    session_ids: list[UUID],
) -> None:
    await change_password.execute(
        user_id=ada.id,
        session_id=session_ids[1],
        current_password=PASSWORD,
        new_password=NEW_PASSWORD,
    )

    live = {session.id for session in store.all(Session) if session.is_live(clock.now)}
    assert live == {session_ids[1]}


async def test_a_wrong_current_password_changes_nothing(
    change_password: ChangePassword,
    store: InMemoryDatabase,
    clock: MovableClock,
    ada: User,
    session_ids: list[UUID],
) -> None:
    with pytest.raises(AuthenticationError, match="current password"):
        await change_password.execute(
            user_id=ada.id,
            session_id=session_ids[0],
            current_password="not the password",
            new_password=NEW_PASSWORD,
        )

    [saved] = store.all(User)
    assert saved.version == 1
    assert recorded_changes(store) == []
    assert all(session.is_live(clock.now) for session in store.all(Session))


@pytest.mark.parametrize("password", ["short", "x" * 129, COMMON_PASSWORD])
async def test_a_weak_new_password_changes_nothing(
    change_password: ChangePassword, store: InMemoryDatabase, ada: User, password: str
) -> None:
    with pytest.raises(WeakPasswordError):
        await change_password.execute(
            user_id=ada.id, session_id=uuid4(), current_password=PASSWORD, new_password=password
        )

    [saved] = store.all(User)
    assert saved.version == 1


async def test_of_two_concurrent_changes_one_fails_because_its_current_password_is_outdated(
    change_password: ChangePassword,
    password_hasher: FakePasswordHasher,
    store: InMemoryDatabase,
    ada: User,
) -> None:
    wanted = ["the first passphrase", "the second passphrase"]
    change = partial(change_password.execute, user_id=ada.id, current_password=PASSWORD)

    outcomes = await asyncio.gather(
        *(change(session_id=uuid4(), new_password=password) for password in wanted),
        return_exceptions=True,
    )

    assert {type(outcome) for outcome in outcomes} == {type(None), AuthenticationError}
    [saved] = store.all(User)
    changed_to = wanted[outcomes.index(None)]
    assert await password_hasher.verify(saved.password_hash, changed_to)
    assert len(recorded_changes(store)) == 1


async def test_wrong_guesses_of_the_current_password_are_limited_in_each_session(
    change_password: ChangePassword, password_hasher: FakePasswordHasher, ada: User
) -> None:
    change = partial(change_password.execute, user_id=ada.id, new_password=NEW_PASSWORD)
    session_id = uuid4()
    for _ in range(3):
        with pytest.raises(AuthenticationError):
            await change(session_id=session_id, current_password="not the password")

    with pytest.raises(TooManyAttemptsError):
        await change(session_id=session_id, current_password=PASSWORD)

    assert len(password_hasher.verified_hashes) == 3
    await change(session_id=uuid4(), current_password=PASSWORD)


async def test_changes_and_failed_changes_are_logged_with_the_user_id_and_no_secret(
    change_password: ChangePassword, ada: User, log_lines: list[EventDict]
) -> None:
    change = partial(change_password.execute, user_id=ada.id, session_id=uuid4())
    with pytest.raises(AuthenticationError):
        await change(current_password="not the password", new_password=NEW_PASSWORD)
    await change(current_password=PASSWORD, new_password=NEW_PASSWORD)

    assert [(line["event"], line["user_id"]) for line in log_lines] == [
        ("password_change_failed", ada.id),
        ("password_changed", ada.id),
    ]
    for secret in (PASSWORD, NEW_PASSWORD, "not the password", ada.email):
        assert secret not in repr(log_lines)
