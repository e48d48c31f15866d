import base64
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from src.domain.errors import AuthenticationError
from src.domain.session import Session, SessionLifetime
from src.utils.tokens import SignedTokens

LIFETIME = SessionLifetime(idle=timedelta(days=14), absolute=timedelta(days=90))
NOW = datetime.now(UTC)
TOKEN_BYTES = 16 + 8 + 32


def tokens_of(*secret_keys: str) -> SignedTokens:
    return SignedTokens(
        secret_keys=secret_keys, issuer="this-service", ttl_seconds=600, lifetime=LIFETIME
    )


TOKENS = tokens_of("the secret of this service, " * 3)
SESSION = Session.start(uuid4(), LIFETIME, NOW)
TOKEN = TOKENS.issue(SESSION, NOW).refresh_token


def decoded(token: str) -> bytes:
    return base64.urlsafe_b64decode(token + "==")


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def of_generation(generation: int) -> str:
    session = Session.start(uuid4(), LIFETIME, NOW)
    session.generation = generation
    return TOKENS.issue(session, NOW).refresh_token


def with_flipped_bit(position: int) -> str:
    data = bytearray(decoded(TOKEN))
    data[position] ^= 1 << (position % 8)
    return encoded(bytes(data))


@pytest.mark.parametrize("generation", [1, 2, 255, 256, 2**31, 2**63])
def test_a_refresh_token_is_read_as_it_was_issued(generation: int) -> None:
    session = Session.start(uuid4(), LIFETIME, NOW)
    session.generation = generation

    token = TOKENS.issue(session, NOW).refresh_token

    assert TOKENS.read_refresh_token(token) == (session.id, generation)


def test_the_same_generation_has_the_same_refresh_token_at_any_time() -> None:
    later = NOW + timedelta(days=1)

    assert TOKENS.issue(SESSION, later).refresh_token == TOKEN


def test_no_two_generations_and_no_two_sessions_share_a_refresh_token() -> None:
    tokens = {of_generation(generation) for generation in (1, 2, 3)} | {of_generation(1), TOKEN}

    assert len(tokens) == 5


def test_a_refresh_token_needs_no_escaping_in_a_url() -> None:
    assert len(decoded(TOKEN)) == TOKEN_BYTES
    assert TOKEN.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize("position", range(TOKEN_BYTES))
def test_a_refresh_token_with_one_flipped_bit_is_refused(position: int) -> None:
    with pytest.raises(AuthenticationError):
        TOKENS.read_refresh_token(with_flipped_bit(position))


@pytest.mark.parametrize("length", range(len(TOKEN)))
def test_a_refresh_token_cut_short_is_refused(length: int) -> None:
    with pytest.raises(AuthenticationError):
        TOKENS.read_refresh_token(TOKEN[:length])


HOSTILE = {
    "extended by a character": TOKEN + "A",
    "extended by a byte": encoded(decoded(TOKEN) + b"\0"),
    "extended by bytes in front": encoded(b"\0" * 3 + decoded(TOKEN)),
    "a longer generation": encoded(decoded(TOKEN)[:16] + b"\0" * 8 + decoded(TOKEN)[16:]),
    "twice": TOKEN * 2,
    "padded": TOKEN + "=",
    "padded twice": TOKEN + "==",
    "padded in front": "=" + TOKEN,
    "a blank behind": TOKEN + " ",
    "a line break within": TOKEN[:40] + "\n" + TOKEN[40:],
    "a character outside the alphabet within": TOKEN[:40] + "!" + TOKEN[40:],
    "another spelling of the last character": TOKEN[:-1] + chr(ord(TOKEN[-1]) + 1),
    "other letters' case": TOKEN.swapcase(),
    "not ASCII": "ä" * len(TOKEN),
    "fullwidth letters": "".join(chr(ord(character) + 0xFEE0) for character in TOKEN),
    "half a character": "\ud800" + TOKEN,
    "a null character": "\x00" + TOKEN,
    "no key at all": encoded(decoded(TOKEN)[:24] + b"\0" * 32),
    "no MAC": encoded(decoded(TOKEN)[:24]),
    "the MAC of another session": encoded(decoded(TOKEN)[:24] + decoded(of_generation(1))[24:]),
    "an access token": TOKENS.issue(SESSION, NOW).access_token,
    "the signature of an access token": TOKENS.issue(SESSION, NOW).access_token.split(".")[2],
}


@pytest.mark.parametrize("token", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_refresh_token_is_refused(token: str) -> None:
    with pytest.raises(AuthenticationError):
        TOKENS.read_refresh_token(token)


def test_the_refresh_token_of_another_key_is_refused() -> None:
    other = tokens_of("the secret of an attacker, " * 3)

    with pytest.raises(AuthenticationError):
        TOKENS.read_refresh_token(other.issue(SESSION, NOW).refresh_token)


def test_processes_that_share_the_secret_share_the_refresh_tokens() -> None:
    other_process = tokens_of("the secret of this service, " * 3)

    assert other_process.read_refresh_token(TOKEN) == (SESSION.id, 1)


def test_the_refresh_token_of_a_previous_key_is_accepted_until_that_key_is_removed() -> None:
    old, new = "the secret of last year, " * 3, "the secret of this year, " * 3
    token = tokens_of(old).issue(SESSION, NOW).refresh_token

    assert tokens_of(new, old).read_refresh_token(token) == (SESSION.id, 1)
    with pytest.raises(AuthenticationError):
        tokens_of(new).read_refresh_token(token)


def test_the_first_key_makes_the_successor() -> None:
    old, new = "the secret of last year, " * 3, "the secret of this year, " * 3

    token = tokens_of(new, old).issue(SESSION, NOW).refresh_token

    assert token == tokens_of(new).issue(SESSION, NOW).refresh_token
