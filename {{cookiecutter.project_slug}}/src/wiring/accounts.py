"""Accounts: passwords, tokens, sessions and the limit on wrong passwords."""

import os
from argparse import Namespace
from datetime import timedelta
from typing import Annotated

import punq
from email_validator import EmailNotValidError
from limits.aio.storage import Storage
from pydantic import Field, PositiveInt, ValidationInfo, field_validator

from src.config import AppSettings
from src.domain.session import SessionLifetime
from src.repositories.postgres.engine import Database
from src.repositories.sessions import PurgeSessions
from src.usecases.accounts.deactivate_user import DeactivateUser
from src.usecases.accounts.session_tokens import SessionTokens
from src.usecases.ports.login_throttle import LoginThrottle
from src.usecases.ports.password_hasher import PasswordHasher
from src.usecases.ports.purge import PurgeStep
from src.usecases.ports.token_service import TokenService
from src.utils.security.passwords import Argon2PasswordHasher
from src.utils.security.throttle import LimitsLoginThrottle
from src.utils.security.tokens import SignedTokenService
from src.utils.setting_limits import Seconds
from src.utils.setting_types import Key, Keys
from src.utils.settings import Settings, SettingsGroup
from src.wiring import Command, Part

MAX_UINT32 = 2**32 - 1  # Argon2's parameters


class SecuritySettings(SettingsGroup, env_prefix="SECURITY_"):
    """Tokens and sessions."""

    secret_key: Key
    previous_secret_keys: Keys = ()
    access_token_ttl_seconds: Annotated[int, Field(ge=1, le=600)] = 600
    session_idle_seconds: Seconds = 14 * 24 * 3600
    session_lifetime_seconds: Seconds = 90 * 24 * 3600

    @field_validator("session_idle_seconds", "session_lifetime_seconds")
    @classmethod
    def _outlives_access_token(cls, seconds: int, info: ValidationInfo) -> int:
        if seconds < info.data.get("access_token_ttl_seconds", 0):
            raise ValueError("must not be less than SECURITY_ACCESS_TOKEN_TTL_SECONDS")
        return seconds

    @property
    def secret_keys(self) -> list[str]:
        """The key that signs, then the keys that only verify."""
        return [key.get_secret_value() for key in (self.secret_key, *self.previous_secret_keys)]

    @property
    def lifetime(self) -> SessionLifetime:
        """How long sessions live."""
        return SessionLifetime(
            idle=timedelta(seconds=self.session_idle_seconds),
            absolute=timedelta(seconds=self.session_lifetime_seconds),
        )


class HashingSettings(SettingsGroup, env_prefix="SECURITY_HASHING_"):
    """Password hashing: the size of the pool and its queue, and Argon2id's parameters.

    The defaults are OWASP's (Password Storage Cheat Sheet).
    """

    threads: PositiveInt = os.cpu_count() or 1
    queue: PositiveInt = 100
    memory_kib: Annotated[int, Field(ge=64, le=MAX_UINT32)] = 19_456
    passes: Annotated[int, Field(ge=1, le=MAX_UINT32)] = 2
    lanes: Annotated[int, Field(ge=1, le=8)] = 1


class ThrottleSettings(SettingsGroup, env_prefix="SECURITY_THROTTLE_"):
    """The limits on wrong passwords in one window of time."""

    window_seconds: Seconds = 15 * 60
    per_address: PositiveInt = 100
    per_account: PositiveInt = 50
    per_account_and_address: PositiveInt = 10


def _create_hasher(hashing: HashingSettings, *, service_name: str) -> Argon2PasswordHasher:
    return Argon2PasswordHasher(
        threads=hashing.threads,
        queue=hashing.queue,
        memory_kib=hashing.memory_kib,
        passes=hashing.passes,
        lanes=hashing.lanes,
        service_name=service_name,
    )


def _create_throttle(throttle: ThrottleSettings, storage: Storage) -> LimitsLoginThrottle:
    return LimitsLoginThrottle(
        storage,
        window_seconds=throttle.window_seconds,
        per_address=throttle.per_address,
        per_account=throttle.per_account,
        per_account_and_address=throttle.per_account_and_address,
    )


def register(container: punq.Container, settings: Settings) -> None:
    """Register the adapters of accounts."""
    name = settings[AppSettings].name
    security = settings[SecuritySettings]
    hasher = _create_hasher(settings[HashingSettings], service_name=name)
    throttle = _create_throttle(settings[ThrottleSettings], container.resolve(Storage))
    token_service = SignedTokenService(
        secret_keys=security.secret_keys,
        issuer=name,
        ttl_seconds=security.access_token_ttl_seconds,
    )
    container.register(TokenService, instance=token_service)
    container.register(
        SessionTokens,
        instance=SessionTokens(lifetime=security.lifetime, token_service=token_service),
    )
    container.register(PasswordHasher, instance=hasher)
    container.register(LoginThrottle, instance=throttle)
    container.register(PurgeStep, instance=PurgeSessions(database=container.resolve(Database)))


async def deactivate(container: punq.Container, arguments: Namespace) -> str:
    """Close an account and end its sessions."""
    try:
        await container.resolve(DeactivateUser).execute(email=arguments.email)
    except EmailNotValidError as error:
        raise SystemExit(str(error)) from error
    return "The account is closed and its sessions have ended."


part = Part(
    settings=(SecuritySettings, HashingSettings, ThrottleSettings),
    register=register,
    commands=(
        Command(
            name="deactivate",
            help="close an account and end its sessions",
            run=deactivate,
            add_arguments=lambda parser: parser.add_argument("email", help="the account's address"),
        ),
    ),
)
