import pytest

from src.config import load_settings
from tests.support.environment import Environment, refusal


def test_a_failed_message_waits_longer_each_time_by_default(complete: Environment) -> None:
    assert load_settings().queue.retry_delays_seconds == (10, 60, 300)


@pytest.mark.parametrize("text", ["[1, 2, 30]", "1,2,30"])
def test_a_list_is_read_with_brackets_and_without(complete: Environment, text: str) -> None:
    complete.set({}, QUEUE_RETRY_DELAYS_SECONDS=text)

    assert load_settings().queue.retry_delays_seconds == (1, 2, 30)


@pytest.mark.parametrize("value", ["[10, 0]", '["later"]', "10,sixty", "[]"])
def test_delays_that_are_none_are_told_by_their_name_and_not_shown(
    complete: Environment, value: str
) -> None:
    complete.set({}, QUEUE_RETRY_DELAYS_SECONDS=value)

    message = refusal()

    assert "QUEUE_RETRY_DELAYS_SECONDS" in message
    assert value not in message
