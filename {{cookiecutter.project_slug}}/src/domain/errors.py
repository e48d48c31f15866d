"""Rules of the domain that were broken. Messages are shown to clients."""


class AuthenticationError(Exception):
    """Whoever asks has not proven who they are."""

    def __init__(self, message: str = "The credentials are not valid.") -> None:
        super().__init__(message)


class EmailTakenError(Exception):
    """Another account already has this email address."""

    def __init__(self) -> None:
        super().__init__("An account with this email address already exists.")


class WeakPasswordError(Exception):
    """The password is too short, too long or too common."""
