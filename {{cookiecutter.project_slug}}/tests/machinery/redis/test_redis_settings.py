import pytest

from src.container import load_settings
from src.wiring.cache_redis import RedisSettings
from tests.support.environment import Environment, refusal


def test_every_setting_of_redis_has_a_default_that_production_accepts(
    complete: Environment,
) -> None:
    complete.set({}, REDIS_PASSWORD="", APP_ENVIRONMENT="production")

    redis = load_settings()[RedisSettings]

    assert (redis.host, redis.port, redis.ttl_seconds) == ("localhost", 6379, 300)
    assert redis.timeout_seconds == 0.05
    assert redis.password.get_secret_value() == ""
    assert redis.username is None


def test_production_refuses_a_password_that_is_the_name_of_the_user(complete: Environment) -> None:
    name = "orders-and-billing"
    complete.set({}, REDIS_USERNAME=name, REDIS_PASSWORD=name, APP_ENVIRONMENT="production")
    assert "REDIS_PASSWORD" in refusal()


@pytest.mark.parametrize(
    ("name", "value"), [("REDIS_PORT", "-6379"), ("REDIS_TIMEOUT_SECONDS", "soon")]
)
def test_a_wrong_value_is_refused_with_the_name_of_its_variable(
    complete: Environment, name: str, value: str
) -> None:
    complete.set({name: value})

    message = refusal()

    assert name in message
    assert value not in message
