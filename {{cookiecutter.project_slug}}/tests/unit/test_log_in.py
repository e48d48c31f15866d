from datetime import timedelta
from functools import partial

import pytest

from src.domain.errors import AuthenticationError
from src.domain.user import User
from src.usecases.change_password import ChangePassword
from src.usecases.log_in import LogIn
from src.utils.tokens import SignedTokens
from tests.fakes.clock import MovableClock
from tests.fakes.database import InMemoryDatabase
from tests.fakes.passwords import FastPasswords
from tests.unit.conftest import PASSWORD


@pytest.mark.parametrize("email", ["ada@example.com", " ADA@Example.com"])
async def test_logging_in_starts_a_session(
    log_in: LogIn, store: InMemoryDatabase, tokens: SignedTokens, ada: User, email: str
) -> None:
    pair = await log_in.execute(email=email, password=PASSWORD)

    [session] = store.rows.sessions.values()
    assert tokens.read_access_token(pair.access_token) == (ada.id, session.id)
    assert tokens.read_refresh_token(pair.refresh_token) == (session.id, 1)
    assert pair.expires_in == 600


async def test_a_session_lives_as_long_as_it_is_configured_to(
    log_in: LogIn, store: InMemoryDatabase, clock: MovableClock, ada: User
) -> None:
    await log_in.execute(email=ada.email, password=PASSWORD)

    [session] = store.rows.sessions.values()
    assert session.idle_expires_at == clock.now + timedelta(days=14)
    assert session.absolute_expires_at == clock.now + timedelta(days=90)


async def test_every_login_is_a_session_of_its_own(
    log_in: LogIn, store: InMemoryDatabase, ada: User
) -> None:
    first, second = [await log_in.execute(email=ada.email, password=PASSWORD) for _ in range(2)]

    assert first.refresh_token != second.refresh_token
    assert len(store.rows.sessions) == 2


async def test_an_unknown_address_costs_one_verification_as_a_known_one_does(
    log_in: LogIn, passwords: FastPasswords, ada: User
) -> None:
    for email in ("nobody@example.com", ada.email):
        with pytest.raises(AuthenticationError):
            await log_in.execute(email=email, password="not the password")

    assert passwords.verified == [None, ada.password_hash]


async def test_unknown_address_wrong_password_and_inactive_account_get_one_answer(
    log_in: LogIn, store: InMemoryDatabase, ada: User
) -> None:
    async def answer(email: str, password: str) -> str:
        with pytest.raises(AuthenticationError) as refusal:
            await log_in.execute(email=email, password=password)
        return str(refusal.value)

    unknown = await answer("nobody@example.com", PASSWORD)
    wrong = await answer(ada.email, "not the password")
    store.rows.users[ada.id].is_active = False
    inactive = await answer(ada.email, PASSWORD)

    assert unknown == wrong == inactive
    assert store.rows.sessions == {}


async def test_an_inactive_account_costs_one_verification_too(
    log_in: LogIn, store: InMemoryDatabase, passwords: FastPasswords, ada: User
) -> None:
    store.rows.users[ada.id].is_active = False

    with pytest.raises(AuthenticationError):
        await log_in.execute(email=ada.email, password=PASSWORD)

    assert passwords.verified == [ada.password_hash]


async def test_a_login_with_a_password_that_was_changed_meanwhile_is_refused(
    log_in: LogIn,
    change_password: ChangePassword,
    passwords: FastPasswords,
    store: InMemoryDatabase,
    ada: User,
) -> None:
    passwords.meanwhile = partial(
        change_password.execute,
        user_id=ada.id,
        session_id=ada.id,
        current_password=PASSWORD,
        new_password="another long passphrase",
    )

    with pytest.raises(AuthenticationError):
        await log_in.execute(email=ada.email, password=PASSWORD)

    assert store.rows.users[ada.id].version == 2
    assert store.rows.sessions == {}


async def test_a_login_to_an_account_that_was_deleted_meanwhile_is_refused_like_any_other(
    log_in: LogIn, passwords: FastPasswords, store: InMemoryDatabase, ada: User
) -> None:
    async def delete_account() -> None:
        del store.rows.users[ada.id]

    passwords.meanwhile = delete_account

    with pytest.raises(AuthenticationError):
        await log_in.execute(email=ada.email, password=PASSWORD)


async def test_a_login_to_an_account_that_was_deactivated_meanwhile_is_refused(
    log_in: LogIn, passwords: FastPasswords, store: InMemoryDatabase, ada: User
) -> None:
    async def deactivate() -> None:
        store.rows.users[ada.id].is_active = False

    passwords.meanwhile = deactivate

    with pytest.raises(AuthenticationError):
        await log_in.execute(email=ada.email, password=PASSWORD)

    assert store.rows.sessions == {}
