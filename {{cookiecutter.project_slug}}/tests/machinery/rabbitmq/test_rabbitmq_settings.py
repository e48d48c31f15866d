"""Values that RabbitMQ would refuse when the worker declares its queues."""

import pytest

from src.container import build_container, load_settings
from src.utils.settings import SettingsError
from src.wiring.messaging_rabbitmq import RabbitMQSettings
from tests.support.environment import Environment, refusal


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RABBITMQ_RETRY_DELAYS_SECONDS", "[10,10]"),
        ("RABBITMQ_RETRY_DELAYS_SECONDS", "10,60,10"),
        ("RABBITMQ_RETRY_DELAYS_SECONDS", "4294968"),
        ("RABBITMQ_USER", "a" * 256),
        ("RABBITMQ_VHOST", "\u00e4" * 128),
    ],
)
def test_a_value_that_rabbitmq_does_not_take_is_refused_by_name(
    complete: Environment, name: str, value: str
) -> None:
    complete.set({name: value})

    [line] = refusal().splitlines()[1:]
    assert line.strip().startswith(f"{name}: must not")


def test_the_longest_values_of_rabbitmq_are_accepted(complete: Environment) -> None:
    complete.set({}, RABBITMQ_RETRY_DELAYS_SECONDS="1,4294967", RABBITMQ_VHOST="v" * 255)

    assert load_settings()[RabbitMQSettings].retry_delays_seconds == (1, 4294967)


@pytest.mark.parametrize("name", ["amq", "amq.service"])
def test_a_name_that_rabbitmq_reserves_is_refused(complete: Environment, name: str) -> None:
    complete.set({}, APP_NAME=name)

    with pytest.raises(SettingsError, match="APP_NAME: RabbitMQ reserves"):
        build_container(load_settings())
