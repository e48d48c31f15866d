import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import SecretStr

from src.config import AppSettings, PostgresSettings, WorkerSettings
from src.container import load_settings
from src.utils.settings import Settings
from src.wiring.accounts import SecuritySettings
from tests.support.environment import (
    COMPLETE,
    GROUPS,
    REQUIRED,
    SECRET,
    SECRETS,
    Environment,
    refusal,
)
from tests.support.service import servers_of


def all_values(settings: Settings) -> dict[str, Any]:
    return {group.variable(name): value for group in GROUPS for name, value in settings[group]}


def test_the_tests_know_every_group_of_settings(complete: Environment) -> None:
    assert [*load_settings()._groups] == GROUPS


def test_only_variables_without_a_default_are_needed_to_start(complete: Environment) -> None:
    settings = load_settings()

    assert settings[AppSettings].environment == "development"
    assert settings[SecuritySettings].access_token_ttl_seconds == 600
    assert settings[WorkerSettings].concurrency == 50


def test_one_message_names_every_missing_variable(environment: Environment) -> None:
    message = refusal()

    assert {"POSTGRES_USER", "POSTGRES_PASSWORD", "SECURITY_SECRET_KEY"} <= {*REQUIRED}
    for name in REQUIRED:
        assert name in message


@pytest.mark.parametrize("name", [name for name in SECRETS if name in REQUIRED])
def test_production_treats_an_empty_secret_as_missing(complete: Environment, name: str) -> None:
    complete.set({name: ""}, APP_ENVIRONMENT="production")

    assert name in refusal()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("APP_ENVIRONMENT", "production-ish"),
        ("APP_LOG_LEVEL", "chatty"),
        ("POSTGRES_PORT", "fivethousand"),
        ("POSTGRES_POOL_SIZE", "-33"),
        ("WORKER_CONCURRENCY", "many-at-once"),
        ("SECURITY_ACCESS_TOKEN_TTL_SECONDS", "601"),
        ("SECURITY_SESSION_IDLE_SECONDS", "-77"),
    ],
)
def test_an_invalid_value_is_reported_by_the_name_of_its_variable_and_not_shown(
    complete: Environment, name: str, value: str
) -> None:
    complete.set({name: value})

    message = refusal()

    assert name in message
    assert value not in message


def test_one_message_names_every_invalid_variable(complete: Environment) -> None:
    complete.set({}, POSTGRES_PORT="x", WORKER_CONCURRENCY="y", APP_LOG_LEVEL="z")

    message = refusal()

    for name in ("POSTGRES_PORT", "WORKER_CONCURRENCY", "APP_LOG_LEVEL"):
        assert name in message


def test_production_starts_with_good_secrets(complete: Environment) -> None:
    complete.set({}, APP_ENVIRONMENT="production")

    assert load_settings()[AppSettings].environment == "production"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECURITY_SECRET_KEY", "x" * 31),
        ("SECURITY_SECRET_KEY", "change-me-change-me-change-me-change-me"),
        *((name, "change-me") for name in SECRETS),
    ],
)
def test_production_refuses_a_short_or_placeholder_secret_that_development_accepts(
    complete: Environment, name: str, value: str
) -> None:
    complete.set({name: value}, APP_ENVIRONMENT="development")
    load_settings()
    complete.set({}, APP_ENVIRONMENT="production")

    message = refusal()

    assert name in message
    assert value not in message


def test_production_names_every_unfit_secret(complete: Environment) -> None:
    complete.set(dict.fromkeys(SECRETS, "change-me"), APP_ENVIRONMENT="production")

    message = refusal()

    assert all(name in message for name in SECRETS)


def test_the_message_shows_no_value_of_another_variable(complete: Environment) -> None:
    complete.set({}, POSTGRES_PORT="x", APP_ENVIRONMENT="production")

    assert SECRET not in refusal()


def test_the_text_form_of_settings_contains_no_secret(complete: Environment) -> None:
    settings = load_settings()

    assert SECRET not in repr(all_values(settings))
    assert SECRET not in repr([settings[group] for group in GROUPS])
    assert SECRET not in str(settings[PostgresSettings].url)
    secrets = {name for name, v in all_values(settings).items() if isinstance(v, SecretStr)}
    assert {"POSTGRES_PASSWORD", "SECURITY_SECRET_KEY"} <= secrets
    assert len(secrets) == len(SECRETS)


def test_the_database_url_can_contain_any_password(complete: Environment) -> None:
    complete.set({}, POSTGRES_PASSWORD="p@ss:w/rd?#%")

    assert load_settings()[PostgresSettings].url.password == "p@ss:w/rd?#%"


def test_a_secret_can_be_read_from_a_file_that_a_variable_names(
    complete: Environment, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text(" from a file \n")
    complete.set({}, POSTGRES_PASSWORD_FILE=str(file), SECURITY_SECRET_KEY_FILE=str(file))

    settings = load_settings()

    assert settings[PostgresSettings].password.get_secret_value() == " from a file "
    assert settings[SecuritySettings].secret_key.get_secret_value() == " from a file "


def test_a_secret_file_that_cannot_be_read_is_reported_with_its_variable_and_path(
    complete: Environment, tmp_path: Path
) -> None:
    complete.set({}, POSTGRES_PASSWORD_FILE=str(tmp_path / "missing"))

    message = refusal()

    assert "\n  POSTGRES_PASSWORD_FILE cannot be read" in message
    assert str(tmp_path / "missing") in message


def test_every_server_is_verified_against_its_configured_authority(
    complete: Environment, tmp_path: Path
) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    for server, group in servers_of(load_settings()).items():
        assert group.tls is None
        complete.set({group.variable("tls_ca_file"): str(tmp_path / "ca.pem")})

        tls = servers_of(load_settings())[server].tls

        assert tls is not None
        assert tls.check_hostname
        assert tls.verify_mode is ssl.CERT_REQUIRED
        assert len(tls.get_ca_certs()) == 1


def test_a_missing_file_of_an_authority_is_reported_for_every_server(
    complete: Environment, tmp_path: Path
) -> None:
    for group in servers_of(load_settings()).values():
        variable = group.variable("tls_ca_file")
        complete.set({variable: str(tmp_path / "missing")})
        assert variable in refusal()


def test_the_environment_overrides_the_file(complete: Environment, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("POSTGRES_DB=from-file\nPOSTGRES_PORT=7777\nUNKNOWN=1\n")
    complete.read_file(file)

    settings = load_settings()

    assert settings[PostgresSettings].db == "service"
    assert settings[PostgresSettings].port == 7777


@pytest.mark.parametrize("stage", ["production", "production-ish"])
def test_the_environment_in_the_file_decides_for_every_group(
    complete: Environment, tmp_path: Path, stage: str
) -> None:
    file = tmp_path / ".env"
    file.write_text(f"APP_ENVIRONMENT={stage}\n")
    complete.read_file(file)
    complete.set(dict.fromkeys(SECRETS, "change-me"))

    message = refusal()

    assert all(name in message for name in SECRETS)


def test_a_variable_with_the_name_of_a_group_is_ignored(complete: Environment) -> None:
    complete.set({}, APP="a", POSTGRES="b", SECURITY="c", SECURITY_HASHING="d", WORKER="e")

    load_settings()


def test_settings_cannot_be_changed(complete: Environment) -> None:
    settings = load_settings()

    with pytest.raises(ValueError, match="frozen"):
        settings[PostgresSettings].db = "another"  # type: ignore[misc]


KEY = "4f9c1e7ab2d05863f1c4e97a0b3d8652"
OTHER_PASSWORDS = [n for n in SECRETS if n.endswith("_PASSWORD") and n != "POSTGRES_PASSWORD"]
UNFIT = {
    "SECURITY_SECRET_KEY": [
        "",
        "x" * 31,
        "a" * 64,
        "change-me-change-me-change-me-change-me",
        "CHANGEME0123456789abcdef0123456789abcdef",
        "your-secret-key-0123456789abcdef0123456789",
        "an-example-0123456789abcdef0123456789abcdef",
    ],
    "SECURITY_PREVIOUS_SECRET_KEYS": [f"{KEY},short", f"change-me-{KEY}", f"{KEY},{'z' * 40}"],
    "POSTGRES_PASSWORD": ["", "postgres", "Postgres1", "password", "change-me", "service", "aaaa"],
    **{name: ["guest", "change-me", "admin123"] for name in OTHER_PASSWORDS},
    "APP_LOG_LEVEL": ["DEBUG", "debug"],
}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in UNFIT.items() for value in values],
)
def test_production_refuses_publicly_known_values_and_does_not_show_them(
    complete: Environment, name: str, value: str
) -> None:
    complete.set({name: value}, APP_ENVIRONMENT="production")

    message = refusal()

    assert [line.split(":")[0].strip() for line in message.splitlines()[1:]] == [name]
    assert not value or value not in message


def test_production_refuses_the_name_of_the_database_user_as_its_password(
    complete: Environment,
) -> None:
    complete.set({}, POSTGRES_USER="ada-and-co", POSTGRES_PASSWORD="ada-and-co")
    load_settings()
    complete.set({}, APP_ENVIRONMENT="production")

    assert "POSTGRES_PASSWORD" in refusal()


def test_one_message_names_every_missing_invalid_and_unfit_variable_in_production(
    environment: Environment,
) -> None:
    environment.set(
        dict.fromkeys(COMPLETE, "change-me"),
        APP_LOG_LEVEL="DEBUG",
        APP_ENVIRONMENT="production",
        WORKER_CONCURRENCY="many",
    )
    environment.unset("POSTGRES_DB")

    message = refusal()

    for name in (*SECRETS, "APP_LOG_LEVEL", "WORKER_CONCURRENCY", "POSTGRES_DB"):
        assert name in message


def test_a_session_cannot_have_a_shorter_life_than_its_access_tokens(complete: Environment) -> None:
    complete.set({}, SECURITY_SESSION_IDLE_SECONDS="599")
    assert "SECURITY_SESSION_IDLE_SECONDS" in refusal()
    complete.set({}, SECURITY_ACCESS_TOKEN_TTL_SECONDS="599")
    assert load_settings()[SecuritySettings].session_idle_seconds == 599


@pytest.mark.parametrize(
    ("value", "keys"),
    [("", []), (KEY, [KEY]), (f"{KEY}, {KEY}", [KEY, KEY]), (f'["{KEY}", "{KEY}"]', [KEY, KEY])],
)
def test_previous_keys_follow_the_signing_key(
    complete: Environment, value: str, keys: list[str]
) -> None:
    complete.set({}, SECURITY_PREVIOUS_SECRET_KEYS=value)

    settings = load_settings()

    assert settings[SecuritySettings].secret_keys == [SECRET, *keys]
    assert KEY not in repr(settings[SecuritySettings])


def test_no_origin_is_allowed_by_default(complete: Environment) -> None:
    assert load_settings()[AppSettings].cors_origins == ()
    complete.set({}, APP_CORS_ORIGINS="https://a.example,https://b.example")
    assert load_settings()[AppSettings].cors_origins == ("https://a.example", "https://b.example")
