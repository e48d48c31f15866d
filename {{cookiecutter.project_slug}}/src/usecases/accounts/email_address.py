"""Email addresses: which are valid, and which are the same."""

import unicodedata
from functools import lru_cache
from typing import NamedTuple

from email_validator import EmailSyntaxError, validate_email


class EmailAddress(NamedTuple):
    """A valid address: as typed, and the key in which it is compared with others."""

    typed: str
    key: str


@lru_cache(maxsize=128)  # the request's schema parses it first, and that takes 80 µs
def parse_address(text: str) -> EmailAddress:
    """Return the address without the blanks around it, or raise `EmailNotValidError`.

    The key is the local part in NFC and lower case, and the domain in the ASCII form of IDNA 2008.
    Other foldings would merge mailboxes of different people: `ß` with `ss`, for example.

    Unlike pydantic's type, it accepts no display name. Domains under `.test` are reserved for
    tests (RFC 2606).
    """
    typed = text.strip()
    if unicodedata.normalize("NFKC", typed).count("@") > 1:
        # A program that folds the address would read another domain.
        raise EmailSyntaxError("The email address must have one @-sign only.")
    address = validate_email(typed, check_deliverability=False, test_environment=True)
    local_part = unicodedata.normalize("NFC", address.local_part.lower())
    return EmailAddress(typed, f"{local_part}@{address.ascii_domain}")
