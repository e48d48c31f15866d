from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta

import pytest

from src.domain.events import UserPasswordChanged, UserRegistered
from src.domain.user import User, normalise_email

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


def ada() -> User:
    return User.register("ada@example.com", "first-hash", NOW)


def test_a_new_user_is_active_and_of_version_1() -> None:
    user = ada()

    assert (user.email, user.password_hash) == ("ada@example.com", "first-hash")
    assert user.is_active
    assert user.version == 1
    assert user.created_at == user.updated_at == NOW


def test_registering_records_one_event() -> None:
    user = ada()

    [event] = user.events
    assert isinstance(event, UserRegistered)
    assert (event.user_id, event.aggregate_id, event.email) == (user.id, user.id, "ada@example.com")
    assert (event.aggregate_version, event.occurred_at) == (1, NOW)


def test_changing_the_password_replaces_the_hash_and_counts_the_version() -> None:
    user = ada()

    user.change_password("second-hash", LATER)

    assert user.password_hash == "second-hash"
    assert user.version == 2
    assert (user.created_at, user.updated_at) == (NOW, LATER)


def test_changing_the_password_records_one_event_of_the_new_version() -> None:
    user = ada()
    user.events = []

    user.change_password("second-hash", LATER)

    [event] = user.events
    assert isinstance(event, UserPasswordChanged)
    assert (event.user_id, event.aggregate_version, event.occurred_at) == (user.id, 2, LATER)


def test_no_event_carries_a_password_hash() -> None:
    user = ada()
    user.change_password("second-hash", LATER)

    assert "-hash" not in repr(user.events)


def test_a_user_shown_in_a_log_does_not_show_the_password_hash() -> None:
    assert "first-hash" not in repr(ada())


def test_two_users_have_two_ids_and_two_events_have_two_ids() -> None:
    one, other = ada(), ada()

    assert one.id != other.id
    assert one.events[0].event_id != other.events[0].event_id


def test_an_event_cannot_be_changed() -> None:
    [event] = ada().events

    with pytest.raises(FrozenInstanceError):
        event.aggregate_version = 7  # type: ignore[misc]


@pytest.mark.parametrize(
    "spelling",
    ["ada@example.com", "ADA@Example.COM", "  ada@example.com\n", "Ada@example.com "],
)
def test_every_spelling_of_an_address_is_one_address(spelling: str) -> None:
    assert normalise_email(spelling) == "ada@example.com"


@pytest.mark.parametrize("other", ["a.da@example.com", "ada+x@example.com", "ada@example.org"])
def test_another_address_stays_another_address(other: str) -> None:
    assert normalise_email(other) == other
