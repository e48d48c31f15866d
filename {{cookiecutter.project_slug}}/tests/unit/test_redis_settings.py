import pytest

from src.config import load_settings
from tests.support.environment import Environment, refusal


def test_redis_needs_no_settings_of_its_own(complete: Environment) -> None:
    complete.set({}, REDIS_PASSWORD="", APP_ENVIRONMENT="production")

    redis = load_settings().redis

    assert (redis.host, redis.port, redis.ttl_seconds) == ("localhost", 6379, 300)
    assert redis.password.get_secret_value() == ""


@pytest.mark.parametrize(
    ("name", "value"), [("REDIS_PORT", "-6379"), ("REDIS_TIMEOUT_SECONDS", "soon")]
)
def test_a_value_that_does_not_fit_is_told_by_its_name(
    complete: Environment, name: str, value: str
) -> None:
    complete.set({name: value})

    message = refusal()

    assert name in message
    assert value not in message
