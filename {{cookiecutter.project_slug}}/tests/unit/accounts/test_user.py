from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta

import pytest

from src.domain.user import User, UserPasswordChanged, UserRegistered

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


def new_user() -> User:
    return User.register(
        email="Ada@example.com", email_key="ada@example.com", password_hash="first-hash", now=NOW
    )


def test_a_new_user_is_active_and_has_version_1() -> None:
    user = new_user()

    assert (user.email, user.email_key) == ("Ada@example.com", "ada@example.com")
    assert user.password_hash == "first-hash"
    assert user.is_active
    assert user.version == 1
    assert user.created_at == user.updated_at == NOW


def test_registering_records_one_event() -> None:
    user = new_user()

    [recorded] = user.events
    assert recorded.event == UserRegistered(user_id=user.id, email="Ada@example.com")
    assert (recorded.aggregate_id, recorded.aggregate_version) == (user.id, 1)


def test_changing_the_password_replaces_the_hash_and_increments_the_version() -> None:
    user = new_user()

    user.change_password("second-hash", LATER)

    assert user.password_hash == "second-hash"
    assert user.version == 2
    assert (user.created_at, user.updated_at) == (NOW, LATER)


def test_changing_the_password_records_one_event_with_the_new_version() -> None:
    user = new_user()
    user.events = []

    user.change_password("second-hash", LATER)

    [recorded] = user.events
    assert recorded.event == UserPasswordChanged(user_id=user.id)
    assert (recorded.aggregate_id, recorded.aggregate_version) == (user.id, 2)


def test_rehashing_the_password_changes_the_hash_and_nothing_else() -> None:
    user = new_user()
    user.events = []

    user.rehash_password("second-hash")

    assert user.password_hash == "second-hash"
    assert (user.version, user.updated_at, user.events) == (1, NOW, [])


def test_deactivating_a_user_twice_changes_it_once() -> None:
    user = new_user()

    user.deactivate(LATER)
    user.deactivate(LATER + timedelta(days=1))

    assert not user.is_active
    assert (user.version, user.updated_at) == (2, LATER)


def test_no_event_contains_a_password_hash() -> None:
    user = new_user()
    user.change_password("second-hash", LATER)

    assert "-hash" not in repr(user.events)


def test_the_text_form_of_a_user_does_not_contain_the_password_hash() -> None:
    assert "first-hash" not in repr(new_user())


def test_users_and_events_have_unique_ids() -> None:
    one = new_user()
    other = new_user()

    assert one.id != other.id
    assert one.events[0].id != other.events[0].id


def test_a_recorded_event_cannot_be_changed() -> None:
    [recorded] = new_user().events

    with pytest.raises(FrozenInstanceError):
        recorded.aggregate_version = 7  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        recorded.event.email = "eve@example.com"  # type: ignore[attr-defined]
