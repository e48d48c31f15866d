from datetime import UTC, datetime
from uuid import uuid4

from src.domain.notification import Notification


def test_a_welcome_has_a_user_a_kind_a_time_and_an_id_of_its_own() -> None:
    user_id = uuid4()
    now = datetime(2026, 1, 1, tzinfo=UTC)

    welcome = Notification.welcome(user_id, now)

    assert (welcome.user_id, welcome.kind, welcome.created_at) == (user_id, "welcome", now)
    assert welcome.id != Notification.welcome(user_id, now).id
