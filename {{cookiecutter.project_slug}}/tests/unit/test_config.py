import os
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import SecretStr

from src.config import Group, Settings, SettingsError, load_settings

PREFIXES = ("APP_", "POSTGRES_", "REDIS_", "RABBITMQ_", "WORKER_", "SECURITY_")
SECRET = "s3cret-that-must-never-be-shown-0123456789"
COMPLETE = {
    "POSTGRES_USER": "service",
    "POSTGRES_PASSWORD": SECRET,
    "POSTGRES_DB": "service",
    "RABBITMQ_USER": "service",
    "RABBITMQ_PASSWORD": SECRET,
    "REDIS_PASSWORD": SECRET,
    "SECURITY_SECRET_KEY": SECRET,
}


class Environment:
    """The variables that the service may read, and no others."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        for name in [name for name in os.environ if name.startswith(PREFIXES)]:
            patch.delenv(name)
        self.read_file(None)

    def read_file(self, path: Path | None) -> None:
        """Have the settings read this file in place of the developer's `.env`."""
        for group in Group.__subclasses__():
            self._patch.setitem(group.model_config, "env_file", path)

    def set(self, variables: dict[str, str], **more: str) -> None:
        for name, value in (variables | more).items():
            self._patch.setenv(name, value)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Environment:
    return Environment(monkeypatch)


@pytest.fixture
def complete(environment: Environment) -> Environment:
    """All that has no default."""
    environment.set(COMPLETE)
    return environment


def refusal() -> str:
    with pytest.raises(SettingsError) as error:
        load_settings()
    return str(error.value)


def all_values(settings: Settings) -> dict[str, Any]:
    return {
        f"{group}.{name}": value
        for group, values in vars(settings).items()
        for name, value in values
    }


def test_what_has_no_default_is_enough_to_start(complete: Environment) -> None:
    settings = load_settings()

    assert settings.app.environment == "development"
    assert settings.security.access_token_ttl_seconds == 600
    assert settings.rabbitmq.retry_delays_seconds == (10, 60, 300)


def test_every_missing_variable_is_named_at_once(environment: Environment) -> None:
    message = refusal()

    for name in COMPLETE.keys() - {"REDIS_PASSWORD"}:
        assert name in message


@pytest.mark.parametrize("name", ["SECURITY_SECRET_KEY", "POSTGRES_PASSWORD", "RABBITMQ_PASSWORD"])
def test_production_takes_an_empty_secret_for_a_missing_one(
    complete: Environment, name: str
) -> None:
    complete.set({name: ""}, APP_ENVIRONMENT="production")

    assert name in refusal()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("APP_ENVIRONMENT", "production-ish"),
        ("APP_LOG_LEVEL", "chatty"),
        ("POSTGRES_PORT", "fivethousand"),
        ("POSTGRES_POOL_SIZE", "-33"),
        ("REDIS_PORT", "-6379"),
        ("REDIS_TIMEOUT_SECONDS", "soon"),
        ("RABBITMQ_RETRY_DELAYS_SECONDS", "[10, 0]"),
        ("RABBITMQ_RETRY_DELAYS_SECONDS", '["later"]'),
        ("RABBITMQ_RETRY_DELAYS_SECONDS", "10,sixty"),
        ("WORKER_CONCURRENCY", "many-at-once"),
        ("SECURITY_ACCESS_TOKEN_TTL_SECONDS", "601"),
        ("SECURITY_SESSION_IDLE_SECONDS", "-77"),
    ],
)
def test_a_value_that_does_not_fit_is_told_by_its_name_and_not_shown(
    complete: Environment, name: str, value: str
) -> None:
    complete.set({name: value})

    message = refusal()

    assert name in message
    assert value not in message


def test_all_that_is_wrong_is_told_at_once(complete: Environment) -> None:
    complete.set({}, POSTGRES_PORT="x", REDIS_PORT="y", APP_LOG_LEVEL="z")

    message = refusal()

    for name in ("POSTGRES_PORT", "REDIS_PORT", "APP_LOG_LEVEL"):
        assert name in message


def test_production_starts_with_good_secrets(complete: Environment) -> None:
    complete.set({}, APP_ENVIRONMENT="production")

    assert load_settings().app.environment == "production"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECURITY_SECRET_KEY", "x" * 31),
        ("SECURITY_SECRET_KEY", "change-me-change-me-change-me-change-me"),
        ("POSTGRES_PASSWORD", "change-me"),
        ("RABBITMQ_PASSWORD", "change-me"),
        ("REDIS_PASSWORD", "change-me"),
    ],
)
def test_production_refuses_a_short_or_placeholder_secret_which_development_takes(
    complete: Environment, name: str, value: str
) -> None:
    complete.set({name: value}, APP_ENVIRONMENT="development")
    load_settings()
    complete.set({}, APP_ENVIRONMENT="production")

    message = refusal()

    assert name in message
    assert value not in message


def test_production_names_every_secret_that_is_not_fit(complete: Environment) -> None:
    secrets = ("SECURITY_SECRET_KEY", "POSTGRES_PASSWORD", "RABBITMQ_PASSWORD")
    complete.set(dict.fromkeys(secrets, "change-me"), APP_ENVIRONMENT="production")

    message = refusal()

    assert all(name in message for name in secrets)


def test_no_message_shows_a_value_of_another_variable(complete: Environment) -> None:
    complete.set({}, POSTGRES_PORT="x", APP_ENVIRONMENT="production")

    assert SECRET not in refusal()


def test_a_list_is_read_from_json(complete: Environment) -> None:
    complete.set({}, RABBITMQ_RETRY_DELAYS_SECONDS="[1, 2, 30]")

    assert load_settings().rabbitmq.retry_delays_seconds == (1, 2, 30)


def test_settings_shown_in_a_log_show_no_secret(complete: Environment) -> None:
    settings = load_settings()

    assert SECRET not in repr(settings)
    assert SECRET not in str(settings.postgres.url)
    secrets = {name for name, v in all_values(settings).items() if isinstance(v, SecretStr)}
    assert secrets == {
        "postgres.password",
        "redis.password",
        "rabbitmq.password",
        "security.secret_key",
    }


def test_the_database_url_survives_any_password(complete: Environment) -> None:
    complete.set({}, POSTGRES_PASSWORD="p@ss:w/rd?#%")

    assert load_settings().postgres.url.password == "p@ss:w/rd?#%"


def test_a_secret_is_read_from_the_file_that_its_variable_names(
    complete: Environment, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text(" from a file \n")
    complete.set({}, POSTGRES_PASSWORD_FILE=str(file), SECURITY_SECRET_KEY_FILE=str(file))

    settings = load_settings()

    assert settings.postgres.password.get_secret_value() == " from a file "
    assert settings.security.secret_key.get_secret_value() == " from a file "
    assert settings.rabbitmq.password.get_secret_value() == SECRET


def test_a_secret_in_a_file_that_cannot_be_read_is_told_by_the_names_of_both(
    complete: Environment, tmp_path: Path
) -> None:
    complete.set({}, REDIS_PASSWORD_FILE=str(tmp_path / "missing"))

    message = refusal()

    assert "REDIS_PASSWORD_FILE" in message
    assert str(tmp_path / "missing") in message


@pytest.mark.parametrize("server", ["postgres", "redis", "rabbitmq"])
def test_a_server_is_verified_against_the_authority_that_is_named(
    complete: Environment, server: str, tmp_path: Path
) -> None:
    assert getattr(load_settings(), server).tls is None
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    complete.set({f"{server.upper()}_TLS_CA_FILE": str(tmp_path / "ca.pem")})

    tls = getattr(load_settings(), server).tls

    assert tls.check_hostname
    assert tls.verify_mode is ssl.CERT_REQUIRED
    assert len(tls.get_ca_certs()) == 1
    complete.set({f"{server.upper()}_TLS_CA_FILE": str(tmp_path / "missing")})
    assert f"{server.upper()}_TLS_CA_FILE" in refusal()


def test_the_environment_wins_over_the_file(complete: Environment, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("POSTGRES_DB=from-file\nREDIS_PORT=7777\nUNHEARD_OF=1\n")
    complete.read_file(file)

    settings = load_settings()

    assert settings.postgres.db == "service"
    assert settings.redis.port == 7777


def test_settings_cannot_be_changed(complete: Environment) -> None:
    settings = load_settings()

    with pytest.raises(ValueError, match="frozen"):
        settings.postgres.db = "another"  # type: ignore[misc]
