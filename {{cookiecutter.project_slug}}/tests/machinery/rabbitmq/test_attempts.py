"""The number of an attempt, as the headers of a delivery give it."""

from typing import Any, cast

import pytest
from aio_pika.abc import AbstractIncomingMessage

from src.repositories.rabbitmq.failures import attempt_of


class Delivery:
    """A message with nothing but headers."""

    def __init__(self, **headers: Any) -> None:
        self.headers = headers


@pytest.mark.parametrize(
    ("headers", "attempt"),
    [
        ({}, 1),
        ({"x-attempt": 3}, 3),
        ({"x-attempt": 0}, 1),
        ({"x-attempt": -10}, 1),
        ({"x-attempt": True}, 1),
        ({"x-attempt": "abc"}, 1),
        ({"x-attempt": None}, 1),
    ],
)
def test_an_invalid_header_counts_as_the_first_attempt(
    headers: dict[str, Any], attempt: int
) -> None:
    assert attempt_of(cast("AbstractIncomingMessage", Delivery(**headers))) == attempt
