import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import SecretStr

from src.config import Settings, load_settings
from tests.support.environment import (
    COMPLETE,
    FIELDS,
    REQUIRED,
    SECRET,
    SECRETS,
    Environment,
    refusal,
)


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
    assert settings.worker.concurrency == 50


def test_every_missing_variable_is_named_at_once(environment: Environment) -> None:
    message = refusal()

    assert {"POSTGRES_USER", "POSTGRES_PASSWORD", "SECURITY_SECRET_KEY"} <= {*REQUIRED}
    for name in REQUIRED:
        assert name in message


@pytest.mark.parametrize("name", [name for name in SECRETS if name in REQUIRED])
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
    complete.set({}, POSTGRES_PORT="x", WORKER_CONCURRENCY="y", APP_LOG_LEVEL="z")

    message = refusal()

    for name in ("POSTGRES_PORT", "WORKER_CONCURRENCY", "APP_LOG_LEVEL"):
        assert name in message


def test_production_starts_with_good_secrets(complete: Environment) -> None:
    complete.set({}, APP_ENVIRONMENT="production")

    assert load_settings().app.environment == "production"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECURITY_SECRET_KEY", "x" * 31),
        ("SECURITY_SECRET_KEY", "change-me-change-me-change-me-change-me"),
        *((name, "change-me") for name in SECRETS),
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
    complete.set(dict.fromkeys(SECRETS, "change-me"), APP_ENVIRONMENT="production")

    message = refusal()

    assert all(name in message for name in SECRETS)


def test_no_message_shows_a_value_of_another_variable(complete: Environment) -> None:
    complete.set({}, POSTGRES_PORT="x", APP_ENVIRONMENT="production")

    assert SECRET not in refusal()


def test_settings_shown_in_a_log_show_no_secret(complete: Environment) -> None:
    settings = load_settings()

    assert SECRET not in repr(settings)
    assert SECRET not in str(settings.postgres.url)
    secrets = {name for name, v in all_values(settings).items() if isinstance(v, SecretStr)}
    assert {"postgres.password", "security.secret_key"} <= secrets
    assert len(secrets) == len(SECRETS)


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


def test_a_secret_in_a_file_that_cannot_be_read_is_told_by_the_names_of_both(
    complete: Environment, tmp_path: Path
) -> None:
    complete.set({}, POSTGRES_PASSWORD_FILE=str(tmp_path / "missing"))

    message = refusal()

    assert "\n  POSTGRES_PASSWORD_FILE cannot be read" in message
    assert str(tmp_path / "missing") in message


@pytest.mark.parametrize(
    "server", [name.removesuffix("_HOST").lower() for name in FIELDS if name.endswith("_HOST")]
)
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
    file.write_text("POSTGRES_DB=from-file\nPOSTGRES_PORT=7777\nUNHEARD_OF=1\n")
    complete.read_file(file)

    settings = load_settings()

    assert settings.postgres.db == "service"
    assert settings.postgres.port == 7777


@pytest.mark.parametrize("stage", ["production", "production-ish", ""])
def test_every_group_is_as_strict_as_the_file_says(
    complete: Environment, tmp_path: Path, stage: str
) -> None:
    file = tmp_path / ".env"
    file.write_text(f"APP_ENVIRONMENT={stage}\n")
    complete.read_file(file)
    complete.set(dict.fromkeys(SECRETS, "change-me"))

    message = refusal()

    assert all(name in message for name in SECRETS)


def test_a_variable_that_has_the_name_of_a_group_is_none_of_ours(complete: Environment) -> None:
    complete.set({}, APP="a", POSTGRES="b", SECURITY="c", SECURITY_HASHING="d", WORKER="e")

    load_settings()


def test_settings_cannot_be_changed(complete: Environment) -> None:
    settings = load_settings()

    with pytest.raises(ValueError, match="frozen"):
        settings.postgres.db = "another"  # type: ignore[misc]


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
def test_production_refuses_what_everybody_knows_and_never_shows_it(
    complete: Environment, name: str, value: str
) -> None:
    complete.set({name: value}, APP_ENVIRONMENT="production")

    message = refusal()

    assert [line.split(":")[0].strip() for line in message.splitlines()[1:]] == [name]
    assert not value or value not in message


def test_production_refuses_the_users_name_as_its_password(complete: Environment) -> None:
    complete.set({}, POSTGRES_USER="ada-and-co", POSTGRES_PASSWORD="ada-and-co")
    load_settings()
    complete.set({}, APP_ENVIRONMENT="production")

    assert "POSTGRES_PASSWORD" in refusal()


def test_production_tells_what_is_missing_and_what_is_unfit_all_at_once(
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


def test_a_session_must_not_end_before_its_access_tokens(complete: Environment) -> None:
    complete.set({}, SECURITY_SESSION_IDLE_SECONDS="599")
    assert "SECURITY_SESSION_IDLE_SECONDS" in refusal()
    complete.set({}, SECURITY_ACCESS_TOKEN_TTL_SECONDS="599")
    assert load_settings().security.session_idle_seconds == 599


@pytest.mark.parametrize(
    ("value", "keys"),
    [("", []), (KEY, [KEY]), (f"{KEY}, {KEY}", [KEY, KEY]), (f'["{KEY}", "{KEY}"]', [KEY, KEY])],
)
def test_previous_keys_are_a_list_behind_the_key_that_signs(
    complete: Environment, value: str, keys: list[str]
) -> None:
    complete.set({}, SECURITY_PREVIOUS_SECRET_KEYS=value)

    settings = load_settings()

    assert settings.security.secret_keys == [SECRET, *keys]
    assert KEY not in repr(settings)


def test_no_page_may_call_the_api_from_a_browser_unless_it_is_named(complete: Environment) -> None:
    assert load_settings().app.cors_origins == ()
    complete.set({}, APP_CORS_ORIGINS="https://a.example,https://b.example")
    assert load_settings().app.cors_origins == ("https://a.example", "https://b.example")
