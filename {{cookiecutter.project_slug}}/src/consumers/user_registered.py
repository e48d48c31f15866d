"""`user.registered.v1`: someone opened an account."""

from uuid import UUID

from pydantic import BaseModel

from src.usecases.welcome_user import WelcomeUserCommand


class UserRegisteredV1(BaseModel):
    """What this service needs to know of the event. Other fields may come and go."""

    user_id: UUID

    def to_command(self, message_id: UUID) -> WelcomeUserCommand:
        """Return what the use case is asked to do."""
        return WelcomeUserCommand(message_id=message_id, user_id=self.user_id)
