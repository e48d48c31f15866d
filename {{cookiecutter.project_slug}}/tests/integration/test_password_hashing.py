"""The service hashes with OWASP's parameters, and a login does not reveal which accounts exist."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import punq
import pytest
from sqlalchemy import Engine, event

from src.domain.errors import AuthenticationError
from src.usecases.accounts.log_in import LogIn
from src.usecases.accounts.register_user import RegisterUser
from src.usecases.ports.password_hasher import PasswordHasher
from src.utils.security.passwords import Argon2PasswordHasher
from tests.support.passwords import RecordingArgon2
from tests.support.users import new_email

PASSWORD = "a long passphrase"


@pytest.fixture
def hasher(container: punq.Container) -> Argon2PasswordHasher:
    hasher = container.resolve(PasswordHasher)
    assert isinstance(hasher, Argon2PasswordHasher)
    return hasher


@contextmanager
def recorded_statements() -> Iterator[list[str]]:
    """Record SQL statements without their parameters.

    Except NOTIFY, which a background task sends some time after the registration.
    """
    statements: list[str] = []

    def record(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "pg_notify" not in statement:
            statements.append(statement)

    event.listen(Engine, "before_cursor_execute", record)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", record)


async def test_the_default_hashing_parameters_are_owasps(hasher: Argon2PasswordHasher) -> None:
    password_hash = await hasher.hash(PASSWORD)

    assert password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await hasher.verify(password_hash, PASSWORD)


async def test_a_login_to_an_unknown_account_costs_the_same_work_as_a_wrong_password(
    container: punq.Container, hasher: Argon2PasswordHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same SQL statements, and one computed hash with the same parameters."""
    known = new_email()
    await container.resolve(RegisterUser).execute(email=known, password=PASSWORD)
    recorder = RecordingArgon2(hasher._argon2)
    monkeypatch.setattr(hasher, "_argon2", recorder)
    log_in = container.resolve(LogIn)

    async def statements_of_a_refused_login(email: str) -> list[str]:
        with recorded_statements() as statements, pytest.raises(AuthenticationError):
            await log_in.execute(email=email, password="not the password", address="192.0.2.1")
        return statements

    of_a_known_account = await statements_of_a_refused_login(known)
    of_an_unknown_account = await statements_of_a_refused_login(new_email())

    assert of_a_known_account
    assert of_a_known_account == of_an_unknown_account
    known_verification, unknown_verification = recorder.verifications
    assert known_verification == unknown_verification
