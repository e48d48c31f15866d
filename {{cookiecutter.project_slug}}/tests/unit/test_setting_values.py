"""Empty variables, values that a server would refuse later, and the meaning of `.env`."""

from pathlib import Path

import pytest

from src.config import AppSettings, PostgresSettings, WorkerSettings
from src.container import load_settings
from src.utils.settings import SettingsError
from src.wiring.accounts import SecuritySettings
from tests.support.environment import (
    COMPLETE,
    FIELDS,
    GROUPS,
    REQUIRED,
    SECRETS,
    Environment,
    refusal,
)

OPTIONAL = ["APP_ENVIRONMENT", *(name for name in FIELDS if name not in REQUIRED)]
HOSTS = [name for name in FIELDS if name.endswith("_HOST")]
PORTS = [name for name in FIELDS if name.endswith("_PORT")]
DELAYS = [name for name in FIELDS if name.endswith("_DELAYS_SECONDS")]
TIMES = [name for name in FIELDS if name.endswith("_SECONDS") and name not in DELAYS]
UNUSABLE = {
    "APP_NAME": ["a" * 64, "a service", "a/b", "-a", "\u00e4", " "],
    "APP_ROOT_PATH": [
        "users-api",
        "/users-api/",
        "/",
        "//a",
        "/a b",
        "/a?b",
        "https://a.example/b",
    ],
    "APP_CORS_ORIGINS": [
        "a.example",
        "https://a.example/",
        "https://A.example",
        "https://*.a.example",
        "https://a.example,https://b.example/path",
    ],
    "POSTGRES_USER": ["a" * 64, "\u00e4" * 32, "a\tb"],
    "POSTGRES_DB": ["a" * 64, "a\nb", "\udcff"],
    "POSTGRES_PASSWORD": ["\udcff"],
    "WORKER_CONCURRENCY": ["0", "65536"],
    "WORKER_HEALTH_FILE": ["/", "/nowhere/healthy"],
    "SECURITY_HASHING_MEMORY_KIB": ["63", str(2**32)],
    "SECURITY_HASHING_PASSES": [str(2**32)],
    **{
        name: [" ", "a b", "db:5432", "tcp://db", "me@db", "[::1]", "a..b", "a" * 64, "d\x7fb"]
        for name in HOSTS
    },
    **{name: ["0", "-1", "65536", "9" * 5000, "5432 5433"] for name in PORTS},
    **{name: ["0", "[]", "-1", "1.5", "10,x", "9" * 20] for name in DELAYS},
    **{name: ["-1", "nan", "inf", "1e300", "9" * 20] for name in TIMES},
}


@pytest.mark.parametrize("name", OPTIONAL)
def test_an_empty_variable_with_a_default_counts_as_unset(complete: Environment, name: str) -> None:
    if name in COMPLETE:
        complete.unset(name)
    expected = load_settings()
    complete.set({name: ""})

    settings = load_settings()

    assert all(settings[group] == expected[group] for group in GROUPS)


def test_empty_variables_in_the_file_count_as_unset(complete: Environment, tmp_path: Path) -> None:
    expected = load_settings()
    file = tmp_path / ".env"
    file.write_text("".join(f"{name}=\n" for name in FIELDS), encoding="utf-8")
    complete.read_file(file)

    settings = load_settings()

    assert all(settings[group] == expected[group] for group in GROUPS)


def test_an_empty_variable_of_the_environment_does_not_hide_the_value_in_the_file(
    complete: Environment, tmp_path: Path
) -> None:
    file = tmp_path / ".env"
    file.write_text("APP_NAME=from-file\n", encoding="utf-8")
    complete.read_file(file)
    complete.set({}, APP_NAME="")

    assert load_settings()[AppSettings].name == "from-file"


@pytest.mark.parametrize("name", REQUIRED)
def test_an_empty_variable_without_a_default_is_refused_by_name(
    complete: Environment, name: str
) -> None:
    complete.set({name: ""})

    assert f"\n  {name}: is missing or empty" in refusal()


@pytest.mark.parametrize("name", [name for name in SECRETS if name in REQUIRED])
def test_an_empty_file_of_a_secret_counts_as_unset(
    complete: Environment, tmp_path: Path, name: str
) -> None:
    (tmp_path / "secret").write_text("\n", encoding="utf-8")
    complete.set({f"{name}_FILE": str(tmp_path / "secret")})
    load_settings()
    complete.unset(name)

    assert f"\n  {name}: is missing or empty" in refusal()


def test_an_empty_name_of_a_secrets_file_counts_as_unset(complete: Environment) -> None:
    complete.set({}, POSTGRES_PASSWORD_FILE="", POSTGRES_PASSWORD="of-the-environment")

    password = load_settings()[PostgresSettings].password
    assert password.get_secret_value() == "of-the-environment"


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in UNUSABLE.items() for value in values]
)
def test_a_value_that_would_fail_later_is_refused_by_name(
    complete: Environment, name: str, value: str
) -> None:
    complete.set({name: value})

    [line] = refusal().splitlines()[1:]
    assert line.strip().startswith(f"{name}: ")


def test_a_secret_file_with_a_null_character_is_refused(
    complete: Environment, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(b"a\0b" * 20)
    complete.set({}, SECURITY_SECRET_KEY_FILE=str(tmp_path / "secret"))

    assert "SECURITY_SECRET_KEY: must be text" in refusal()


@pytest.mark.parametrize("host", ["db", "db.internal.example", "10.0.0.1", "::1", "fe80::1%eth0"])
def test_names_and_addresses_of_servers_are_accepted(complete: Environment, host: str) -> None:
    complete.set(dict.fromkeys(HOSTS, host))

    assert load_settings()[PostgresSettings].host == host


def test_the_longest_values_are_accepted(complete: Environment, tmp_path: Path) -> None:
    century = str(100 * 365 * 24 * 3600)
    lives = {"SECURITY_SESSION_IDLE_SECONDS": century, "SECURITY_SESSION_LIFETIME_SECONDS": century}
    complete.set(
        {**lives, **dict.fromkeys(PORTS, "65535")},
        APP_NAME="a" * 63,
        POSTGRES_USER="u" * 63,
        WORKER_CONCURRENCY="65535",
        WORKER_HEALTH_FILE=str(tmp_path / "healthy"),
    )

    settings = load_settings()

    assert settings[WorkerSettings].health_file == tmp_path / "healthy"
    assert settings[SecuritySettings].lifetime.absolute.days == 36500


@pytest.mark.parametrize(
    "written", ["abc$def", "abc$$def", '"abc$def"', "'a${b'", "'it\\'s'", '"a\\nb"', "'a'b", "'a"]
)
@pytest.mark.parametrize("name", ["POSTGRES_PASSWORD", "postgres_password", "export POSTGRES_DB"])
def test_a_value_that_compose_would_read_differently_is_refused_with_the_quoting_rule(
    complete: Environment, tmp_path: Path, name: str, written: str
) -> None:
    for variable in ("POSTGRES_PASSWORD", "POSTGRES_DB"):
        complete.unset(variable)
    file = tmp_path / ".env"
    others = "POSTGRES_PASSWORD=a\nPOSTGRES_DB=a\n"
    file.write_text(f"{others}{name}={written}\n", encoding="utf-8")
    complete.read_file(file)

    message = refusal()

    assert (
        f"{name.removeprefix('export ')}: has one value for Docker Compose and another" in message
    )
    assert "in single quotes" in message
    assert written not in message


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("'abc$def'", "abc$def"),
        ("'abc$$def' # comment", "abc$$def"),
        ("abc#def # comment", "abc#def"),
        ('"a b # c"', "a b # c"),
        ("a\\b'c\"d", "a\\b'c\"d"),
        ("  abc  ", "abc"),
        ("abc\r", "abc"),
    ],
)
def test_a_value_with_one_meaning_is_read(
    complete: Environment, tmp_path: Path, written: str, value: str
) -> None:
    complete.unset("POSTGRES_PASSWORD")
    file = tmp_path / ".env"
    file.write_bytes(f"POSTGRES_PASSWORD={written}\n".encode())
    complete.read_file(file)

    assert load_settings()[PostgresSettings].password.get_secret_value() == value


def test_values_of_other_programs_and_overridden_values_may_have_any_form(
    complete: Environment, tmp_path: Path
) -> None:
    file = tmp_path / ".env"
    file.write_text("COMPOSE_FILE=$A:${B}\nPOSTGRES_PASSWORD=abc$def\n", encoding="utf-8")
    complete.read_file(file)

    load_settings()


def test_a_file_in_another_encoding_is_refused_in_one_sentence(
    complete: Environment, tmp_path: Path
) -> None:
    file = tmp_path / ".env"
    file.write_bytes("APP_NAME=\u00e9".encode("utf-16"))
    complete.read_file(file)

    with pytest.raises(SettingsError, match=r"\.env is not plain UTF-8"):
        load_settings()
