"""The setting for the delays of retries, which both kinds of messaging have."""

import pytest

from src.container import PARTS, load_settings
from tests.support.environment import Environment, refusal

[GROUP] = [
    group
    for part in PARTS
    for group in part.settings
    if "retry_delays_seconds" in group.model_fields
]
VARIABLE = GROUP.variable("retry_delays_seconds")


def loaded_delays() -> object:
    return getattr(load_settings()[GROUP], "retry_delays_seconds")  # noqa: B009


def test_the_default_delays_grow_with_each_attempt(complete: Environment) -> None:
    assert loaded_delays() == (10, 60, 300)


@pytest.mark.parametrize("text", ["[1, 2, 30]", "1,2,30"])
def test_the_delays_are_a_list_with_or_without_brackets(complete: Environment, text: str) -> None:
    complete.set({}, **{VARIABLE: text})

    assert loaded_delays() == (1, 2, 30)


@pytest.mark.parametrize("value", ["[10, 0]", '["later"]', "10,sixty", "[]"])
def test_invalid_delays_are_refused_by_the_variable_s_name_without_their_value(
    complete: Environment, value: str
) -> None:
    complete.set({}, **{VARIABLE: value})

    message = refusal()

    assert VARIABLE in message
    assert value not in message
