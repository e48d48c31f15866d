"""New users and sessions, for tests in which their values do not matter."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from src.domain.session import Session, SessionLifetime
from src.domain.user import User

LIFETIME = SessionLifetime(idle=timedelta(days=14), absolute=timedelta(days=90))


def new_email() -> str:
    """Return an address that no other test uses."""
    return f"ada-{uuid4().hex[:12]}@example.com"


def new_user() -> User:
    """Return a registered user that is not saved yet."""
    email = new_email()
    return User.register(
        email=email,
        email_key=email,
        password_hash=f"hash-{uuid4().hex}",
        now=datetime.now(UTC),
    )


def new_session(user_id: UUID) -> Session:
    """Return a session that is not saved yet."""
    return Session.start(user_id, LIFETIME, datetime.now(UTC))
