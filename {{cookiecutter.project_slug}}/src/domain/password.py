"""What a password is before it is hashed."""

import unicodedata

MIN_LENGTH, MAX_LENGTH = 8, 128


def normalise_password(password: str) -> str:
    """Return the one form of what can be typed in several (NIST SP 800-63B, 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password)
