"""Which addresses are one account, and which are not.

Escapes show what looks alike: \u017f is a long s, \u0130 and \u0131 are the Turkish letters i.
"""

import pytest
from email_validator import EmailNotValidError

from src.usecases.accounts.email_address import parse_address

SAME = [
    ("ada@example.com", "ADA@EXAMPLE.COM"),
    ("ada@example.com", "  Ada@example.com\n"),
    ("jos\u00e9@example.com", "JOSE\u0301@example.com"),
    ("\u212b@example.com", "\u00e5@example.com"),  # the sign of the unit, and the letter
    ("\u03bf\u03b4\u03cc\u03c2@example.com", "\u039f\u0394\u038c\u03a3@example.com"),
    ("ada@b\u00fccher.example", "ada@xn--bcher-kva.example"),
    ("ada@b\u00fccher.example", "ada@BU\u0308CHER.example"),
    ("ada@fa\u00df.de", "ada@XN--FA-HIA.de"),
    ("ada@\uff45xample.com", "ada@example.com"),
    ("ada@example\u3002com", "ada@example.com"),
    ("ada@\u03bf\u03b4\u03cc\u03c2.gr", "ada@xn--pxavk3b.gr"),
]
DIFFERENT = [
    ("ada@fa\u00df.de", "ada@fass.de"),
    ("stra\u00dfe@example.com", "strasse@example.com"),
    ("\u017fara@example.com", "sara@example.com"),
    ("\u0130pek@example.com", "ipek@example.com"),
    ("\u0131\u015f\u0131k@example.com", "i\u015fik@example.com"),
    ("\uff41da@example.com", "ada@example.com"),
    ("a\u1d48a@example.com", "ada@example.com"),
    ("\u03bf\u03b4\u03cc\u03c2@example.com", "\u03bf\u03b4\u03cc\u03c3@example.com"),
    ("ada@\u03bf\u03b4\u03cc\u03c2.gr", "ada@\u03bf\u03b4\u03cc\u03c3.gr"),
    ("ada@example.com", "a.da@example.com"),
    ("ada@example.com", "ada+x@example.com"),
    ("ada@example.com", "ada@example.org"),
]
INVALID = [
    "ada@example.com.",
    "ada@-example.com",
    "ada@xn--a.com",
    "ada@xn--.com",
    "ada@a\u2603b\u200d.com",
    "ada@\u0300a.com",
    "ada@exam ple.com",
    "ada@" + "\u00fc" * 60 + ".com",
    "ada@\u202eexample.com",
    "Ada <ada@example.com>",
    "a\ufe6bb@example.com",
    "a\uff20b@example.com",
    "ada",
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_two_spellings_of_one_mailbox_have_one_key(one: str, other: str) -> None:
    assert parse_address(one).key == parse_address(other).key


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_mailboxes_that_may_belong_to_two_people_have_two_keys(one: str, other: str) -> None:
    assert parse_address(one).key != parse_address(other).key


@pytest.mark.parametrize("address", [address for pair in (*SAME, *DIFFERENT) for address in pair])
def test_an_address_is_kept_as_typed_and_its_key_is_an_address_with_the_same_key(
    address: str,
) -> None:
    parsed = parse_address(address)

    assert parsed.typed == address.strip()
    assert parse_address(parsed.key).key == parsed.key


@pytest.mark.parametrize("address", INVALID)
def test_an_invalid_address_is_refused_with_one_sentence(address: str) -> None:
    with pytest.raises(EmailNotValidError) as error:
        parse_address(address)

    message = str(error.value)
    assert message.endswith(".")
    assert "\n" not in message
