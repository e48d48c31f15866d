import asyncio
from functools import partial
from uuid import UUID, uuid4

import pytest
from structlog.typing import EventDict

from src.domain.errors import AuthenticationError, WeakPasswordError
from src.domain.events import UserPasswordChanged
from src.domain.user import User
from src.usecases.change_password import ChangePassword
from src.usecases.log_in import LogIn
from src.usecases.ports.throttle import TooManyAttemptsError
from src.utils.tokens import SignedTokens
from tests.fakes.clock import MovableClock
from tests.fakes.database import InMemoryDatabase
from tests.fakes.passwords import COMMON, FastPasswords
from tests.unit.conftest import HOME, PASSWORD

NEW_PASSWORD = "another long passphrase"


def changes(store: InMemoryDatabase) -> list[UserPasswordChanged]:
    return [event for event in store.rows.events if isinstance(event, UserPasswordChanged)]


@pytest.fixture
async def session_ids(log_in: LogIn, tokens: SignedTokens, ada: User) -> list[UUID]:
    """Three sessions of one user."""
    pairs = [
        await log_in.execute(email=ada.email, password=PASSWORD, address=HOME) for _ in range(3)
    ]
    return [tokens.read_refresh_token(pair.refresh_token).session_id for pair in pairs]


async def test_the_new_password_counts_from_now_on_and_the_old_one_no_longer(
    change_password: ChangePassword,
    passwords: FastPasswords,
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

    saved = store.rows.users[ada.id]
    assert await passwords.verify(saved.password_hash, NEW_PASSWORD)
    assert not await passwords.verify(saved.password_hash, PASSWORD)
    assert saved.updated_at == clock.now
    assert [event.aggregate_version for event in changes(store)] == [2]


async def test_every_other_session_ends_and_this_one_goes_on(
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

    live = [store.rows.sessions[session_id].is_live(clock.now) for session_id in session_ids]
    assert live == [False, True, False]


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

    assert store.rows.users[ada.id].version == 1
    assert changes(store) == []
    assert all(session.is_live(clock.now) for session in store.rows.sessions.values())


@pytest.mark.parametrize("password", ["short", "x" * 129, COMMON])
async def test_an_unfit_new_password_changes_nothing(
    change_password: ChangePassword, store: InMemoryDatabase, ada: User, password: str
) -> None:
    with pytest.raises(WeakPasswordError):
        await change_password.execute(
            user_id=ada.id, session_id=uuid4(), current_password=PASSWORD, new_password=password
        )

    assert store.rows.users[ada.id].version == 1


async def test_of_two_changes_at_once_one_finds_its_current_password_outdated(
    change_password: ChangePassword, passwords: FastPasswords, store: InMemoryDatabase, ada: User
) -> None:
    wishes = ["the first passphrase", "the second passphrase"]
    change = partial(change_password.execute, user_id=ada.id, current_password=PASSWORD)

    outcomes = await asyncio.gather(
        *(change(session_id=uuid4(), new_password=wish) for wish in wishes), return_exceptions=True
    )

    assert {type(outcome) for outcome in outcomes} == {type(None), AuthenticationError}
    granted = wishes[outcomes.index(None)]
    assert await passwords.verify(store.rows.users[ada.id].password_hash, granted)
    assert len(changes(store)) == 1


async def test_the_current_password_may_be_guessed_in_a_session_a_few_times_only(
    change_password: ChangePassword, passwords: FastPasswords, ada: User
) -> None:
    change = partial(change_password.execute, user_id=ada.id, new_password=NEW_PASSWORD)
    session_id = uuid4()
    for _ in range(3):
        with pytest.raises(AuthenticationError):
            await change(session_id=session_id, current_password="not the password")

    with pytest.raises(TooManyAttemptsError):
        await change(session_id=session_id, current_password=PASSWORD)

    assert len(passwords.verified) == 3
    await change(session_id=uuid4(), current_password=PASSWORD)


async def test_the_logs_tell_who_changed_their_password_and_who_failed_to(
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
