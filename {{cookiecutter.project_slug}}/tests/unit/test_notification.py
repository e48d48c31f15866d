from datetime import UTC, datetime
from uuid import uuid4

from src.domain.notification import Notification


def test_a_welcome_is_for_one_user_and_of_one_moment() -> None:
    user_id, now = uuid4(), datetime(2026, 1, 1, tzinfo=UTC)

    welcome = Notification.welcome(user_id, now)

    assert (welcome.user_id, welcome.kind, welcome.created_at) == (user_id, "welcome", now)
    assert welcome.id != Notification.welcome(user_id, now).id
