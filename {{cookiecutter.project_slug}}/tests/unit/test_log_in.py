from datetime import timedelta
from functools import partial

import pytest
from structlog.typing import EventDict

from src.domain.errors import AuthenticationError
from src.domain.user import User
from src.usecases.change_password import ChangePassword
from src.usecases.log_in import LogIn
from src.usecases.ports.throttle import TooManyAttemptsError
from src.utils.tokens import SignedTokens
from tests.fakes.clock import MovableClock
from tests.fakes.database import InMemoryDatabase
from tests.fakes.passwords import FastPasswords
from tests.unit.conftest import HOME, PASSWORD


@pytest.mark.parametrize("email", ["ada@example.com", " ADA@Example.com"])
async def test_logging_in_starts_a_session(
    log_in: LogIn, store: InMemoryDatabase, tokens: SignedTokens, ada: User, email: str
) -> None:
    pair = await log_in.execute(email=email, password=PASSWORD, address=HOME)

    [session] = store.rows.sessions.values()
    assert tokens.read_access_token(pair.access_token) == (ada.id, session.id)
    assert tokens.read_refresh_token(pair.refresh_token) == (session.id, 1)
    assert pair.expires_in == 600


async def test_a_session_lives_as_long_as_it_is_configured_to(
    log_in: LogIn, store: InMemoryDatabase, clock: MovableClock, ada: User
) -> None:
    await log_in.execute(email=ada.email, password=PASSWORD, address=HOME)

    [session] = store.rows.sessions.values()
    assert session.idle_expires_at == clock.now + timedelta(days=14)
    assert session.absolute_expires_at == clock.now + timedelta(days=90)


async def test_every_login_is_a_session_of_its_own(
    log_in: LogIn, store: InMemoryDatabase, ada: User
) -> None:
    first, second = [
        await log_in.execute(email=ada.email, password=PASSWORD, address=HOME) for _ in range(2)
    ]

    assert first.refresh_token != second.refresh_token
    assert len(store.rows.sessions) == 2


async def test_an_unknown_address_costs_one_verification_as_a_known_one_does(
    log_in: LogIn, passwords: FastPasswords, ada: User
) -> None:
    for email in ("nobody@example.com", ada.email):
        with pytest.raises(AuthenticationError):
            await log_in.execute(email=email, password="not the password", address=HOME)

    assert passwords.verified == [None, ada.password_hash]


async def test_unknown_address_wrong_password_and_inactive_account_get_one_answer(
    log_in: LogIn, store: InMemoryDatabase, ada: User
) -> None:
    async def answer(email: str, password: str) -> str:
        with pytest.raises(AuthenticationError) as refusal:
            await log_in.execute(email=email, password=password, address=HOME)
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
        await log_in.execute(email=ada.email, password=PASSWORD, address=HOME)

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
        await log_in.execute(email=ada.email, password=PASSWORD, address=HOME)

    assert store.rows.users[ada.id].version == 2
    assert store.rows.sessions == {}


async def test_a_login_to_an_account_that_was_deleted_meanwhile_is_refused_like_any_other(
    log_in: LogIn, passwords: FastPasswords, store: InMemoryDatabase, ada: User
) -> None:
    async def delete_account() -> None:
        del store.rows.users[ada.id]

    passwords.meanwhile = delete_account

    with pytest.raises(AuthenticationError):
        await log_in.execute(email=ada.email, password=PASSWORD, address=HOME)


async def test_a_login_to_an_account_that_was_deactivated_meanwhile_is_refused(
    log_in: LogIn, passwords: FastPasswords, store: InMemoryDatabase, ada: User
) -> None:
    async def deactivate() -> None:
        store.rows.users[ada.id].is_active = False

    passwords.meanwhile = deactivate

    with pytest.raises(AuthenticationError):
        await log_in.execute(email=ada.email, password=PASSWORD, address=HOME)

    assert store.rows.sessions == {}


async def test_a_guess_too_many_is_refused_before_it_is_made(
    log_in: LogIn, passwords: FastPasswords, ada: User
) -> None:
    for _ in range(3):
        with pytest.raises(AuthenticationError):
            await log_in.execute(email=ada.email, password="not the password", address=HOME)

    with pytest.raises(TooManyAttemptsError):
        await log_in.execute(email=ada.email, password=PASSWORD, address=HOME)

    assert len(passwords.verified) == 3


@pytest.mark.parametrize("email", ["ADA@example.com", "\uff21da@example.com", " ada@EXAMPLE.com "])
async def test_another_spelling_of_the_address_is_no_way_round_the_throttle(
    log_in: LogIn, ada: User, email: str
) -> None:
    for _ in range(3):
        with pytest.raises(AuthenticationError):
            await log_in.execute(email=ada.email, password="not the password", address=HOME)

    with pytest.raises(TooManyAttemptsError):
        await log_in.execute(email=email, password=PASSWORD, address=HOME)


async def test_an_unknown_address_is_throttled_as_a_known_one_is(log_in: LogIn) -> None:
    for _ in range(3):
        with pytest.raises(AuthenticationError):
            await log_in.execute(email="nobody@example.com", password=PASSWORD, address=HOME)

    with pytest.raises(TooManyAttemptsError):
        await log_in.execute(email="nobody@example.com", password=PASSWORD, address=HOME)


async def test_a_login_renews_a_hash_whose_parameters_have_changed_and_nothing_else(
    log_in: LogIn, passwords: FastPasswords, store: InMemoryDatabase, ada: User
) -> None:
    events = len(store.rows.events)
    passwords.outdated = {ada.password_hash}

    await log_in.execute(email=ada.email, password=PASSWORD, address=HOME)

    kept = store.rows.users[ada.id]
    assert kept.password_hash != ada.password_hash
    assert await passwords.verify(kept.password_hash, PASSWORD)
    assert (kept.version, kept.updated_at) == (ada.version, ada.updated_at)
    assert len(store.rows.events) == events


async def test_a_failed_login_renews_no_hash(
    log_in: LogIn, passwords: FastPasswords, store: InMemoryDatabase, ada: User
) -> None:
    passwords.outdated = {ada.password_hash}

    with pytest.raises(AuthenticationError):
        await log_in.execute(email=ada.email, password="not the password", address=HOME)

    assert store.rows.users[ada.id].password_hash == ada.password_hash


async def test_the_logs_tell_who_logged_in_and_who_failed_to_and_hold_no_address_or_password(
    log_in: LogIn, ada: User, log_lines: list[EventDict]
) -> None:
    await log_in.execute(email=ada.email, password=PASSWORD, address=HOME)
    for email in (ada.email, "nobody@example.com"):
        with pytest.raises(AuthenticationError):
            await log_in.execute(email=email, password="not the password", address=HOME)

    assert [(line["event"], line["user_id"]) for line in log_lines] == [
        ("login_succeeded", ada.id),
        ("login_failed", ada.id),
        ("login_failed", None),
    ]
    for secret in (ada.email, "nobody", PASSWORD, "not the password"):
        assert secret not in repr(log_lines)
