from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from structlog.typing import EventDict

from src.domain.errors import AuthenticationError
from src.domain.session import Session
from src.domain.user import User
from src.usecases.accounts.change_password import ChangePassword
from src.usecases.accounts.log_in import LogIn
from src.usecases.ports.login_throttle import TooManyAttemptsError
from src.usecases.ports.token_service import TokenService
from tests.fakes.clock import MovableClock
from tests.fakes.database import InMemoryDatabase
from tests.fakes.password_hasher import FakePasswordHasher
from tests.unit.accounts.conftest import HOME, PASSWORD

UNKNOWN = "unknown@example.com"
WRONG = "not the password"


async def fail_to_log_in(log_in: LogIn, email: str, password: str) -> str:
    """Log in with wrong credentials, and return the message of the refusal."""
    with pytest.raises(AuthenticationError) as refusal:
        await log_in.execute(email=email, password=password, address=HOME)
    return str(refusal.value)


@pytest.mark.parametrize("email", ["ada@example.com", " ADA@Example.com"])
async def test_a_login_starts_a_session_and_returns_its_tokens(
    log_in: LogIn, store: InMemoryDatabase, token_service: TokenService, ada: User, email: str
) -> None:
    pair = await log_in.execute(email=email, password=PASSWORD, address=HOME)

    [session] = store.all(Session)
    assert token_service.read_access_token(pair.access_token) == (ada.id, session.id)
    assert token_service.read_refresh_token(pair.refresh_token) == (session.id, 1)
    assert pair.expires_in == 600


async def test_a_new_session_has_the_configured_lifetime(
    log_in: LogIn, store: InMemoryDatabase, clock: MovableClock, ada: User
) -> None:
    await log_in.execute(email=ada.email, password=PASSWORD, address=HOME)

    [session] = store.all(Session)
    assert session.idle_expires_at == clock.now + timedelta(days=14)
    assert session.absolute_expires_at == clock.now + timedelta(days=90)


async def test_every_login_starts_a_session_of_its_own(
    log_in: LogIn, store: InMemoryDatabase, ada: User
) -> None:
    first, second = [
        await log_in.execute(email=ada.email, password=PASSWORD, address=HOME) for _ in range(2)
    ]

    assert first.refresh_token != second.refresh_token
    assert len(store.all(Session)) == 2


async def test_an_unknown_address_costs_one_verification_like_a_known_one(
    log_in: LogIn, password_hasher: FakePasswordHasher, ada: User
) -> None:
    await fail_to_log_in(log_in, UNKNOWN, WRONG)
    await fail_to_log_in(log_in, ada.email, WRONG)

    assert password_hasher.verified_hashes == [None, ada.password_hash]


async def test_an_unknown_address_a_wrong_password_and_an_inactive_account_give_one_message(
    log_in: LogIn, store: InMemoryDatabase, ada: User
) -> None:
    unknown = await fail_to_log_in(log_in, UNKNOWN, PASSWORD)
    wrong = await fail_to_log_in(log_in, ada.email, WRONG)
    store.put(ada.id, replace(ada, is_active=False))
    inactive = await fail_to_log_in(log_in, ada.email, PASSWORD)

    assert unknown == wrong == inactive
    assert store.all(Session) == []


async def test_an_inactive_account_costs_one_verification_like_an_active_one(
    log_in: LogIn, store: InMemoryDatabase, password_hasher: FakePasswordHasher, ada: User
) -> None:
    store.put(ada.id, replace(ada, is_active=False))

    await fail_to_log_in(log_in, ada.email, PASSWORD)

    assert password_hasher.verified_hashes == [ada.password_hash]


async def test_a_login_is_refused_if_the_password_changes_during_the_verification(
    log_in: LogIn,
    change_password: ChangePassword,
    password_hasher: FakePasswordHasher,
    store: InMemoryDatabase,
    ada: User,
) -> None:
    password_hasher.during_next_verify = partial(
        change_password.execute,
        user_id=ada.id,
        session_id=ada.id,
        current_password=PASSWORD,
        new_password="another long passphrase",
    )

    await fail_to_log_in(log_in, ada.email, PASSWORD)

    [saved] = store.all(User)
    assert saved.version == 2
    assert store.all(Session) == []


async def test_a_login_is_refused_if_the_account_is_deleted_during_the_verification(
    log_in: LogIn, password_hasher: FakePasswordHasher, store: InMemoryDatabase, ada: User
) -> None:
    async def delete_account() -> None:
        store.delete(User, ada.id)

    password_hasher.during_next_verify = delete_account

    await fail_to_log_in(log_in, ada.email, PASSWORD)


async def test_a_login_is_refused_if_the_account_is_deactivated_during_the_verification(
    log_in: LogIn, password_hasher: FakePasswordHasher, store: InMemoryDatabase, ada: User
) -> None:
    async def deactivate() -> None:
        store.put(ada.id, replace(ada, is_active=False))

    password_hasher.during_next_verify = deactivate

    await fail_to_log_in(log_in, ada.email, PASSWORD)

    assert store.all(Session) == []


async def test_too_many_wrong_passwords_refuse_the_next_login_before_its_verification(
    log_in: LogIn, password_hasher: FakePasswordHasher, ada: User
) -> None:
    for _ in range(3):
        await fail_to_log_in(log_in, ada.email, WRONG)

    with pytest.raises(TooManyAttemptsError):
        await log_in.execute(email=ada.email, password=PASSWORD, address=HOME)

    assert len(password_hasher.verified_hashes) == 3


@pytest.mark.parametrize("email", ["ADA@example.com", "ada@\uff45xample.com", " ada@EXAMPLE.com "])
async def test_all_spellings_of_an_address_count_for_one_throttle(
    log_in: LogIn, ada: User, email: str
) -> None:
    for _ in range(3):
        await fail_to_log_in(log_in, ada.email, WRONG)

    with pytest.raises(TooManyAttemptsError):
        await log_in.execute(email=email, password=PASSWORD, address=HOME)


async def test_an_unknown_address_is_throttled_like_a_known_one(log_in: LogIn) -> None:
    for _ in range(3):
        await fail_to_log_in(log_in, UNKNOWN, PASSWORD)

    with pytest.raises(TooManyAttemptsError):
        await log_in.execute(email=UNKNOWN, password=PASSWORD, address=HOME)


async def test_a_login_renews_a_hash_with_outdated_parameters_and_changes_nothing_else(
    log_in: LogIn, password_hasher: FakePasswordHasher, store: InMemoryDatabase, ada: User
) -> None:
    events = len(store.events)
    password_hasher.outdated_hashes = {ada.password_hash}

    await log_in.execute(email=ada.email, password=PASSWORD, address=HOME)

    [saved] = store.all(User)
    assert saved.password_hash != ada.password_hash
    assert await password_hasher.verify(saved.password_hash, PASSWORD)
    assert (saved.version, saved.updated_at) == (ada.version, ada.updated_at)
    assert len(store.events) == events


async def test_a_failed_login_renews_no_hash(
    log_in: LogIn, password_hasher: FakePasswordHasher, store: InMemoryDatabase, ada: User
) -> None:
    password_hasher.outdated_hashes = {ada.password_hash}

    await fail_to_log_in(log_in, ada.email, WRONG)

    [saved] = store.all(User)
    assert saved.password_hash == ada.password_hash


async def test_logins_and_failures_are_logged_with_the_user_id_and_no_address_or_password(
    log_in: LogIn, ada: User, log_lines: list[EventDict]
) -> None:
    await log_in.execute(email=ada.email, password=PASSWORD, address=HOME)
    await fail_to_log_in(log_in, ada.email, WRONG)
    await fail_to_log_in(log_in, UNKNOWN, WRONG)

    assert [(line["event"], line["user_id"]) for line in log_lines] == [
        ("login_succeeded", ada.id),
        ("login_failed", ada.id),
        ("login_failed", None),
    ]
    for secret in (ada.email, UNKNOWN, PASSWORD, WRONG):
        assert secret not in repr(log_lines)
