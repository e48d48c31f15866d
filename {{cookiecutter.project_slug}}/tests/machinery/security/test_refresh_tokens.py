import base64
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from src.domain.errors import AuthenticationError
from src.usecases.ports.token_service import TokenPair
from src.utils.security.tokens import SignedTokenService

NOW = datetime.now(UTC)
TOKEN_BYTES = 16 + 8 + 32
SECRET = "the secret of this service, " * 3
OLD_SECRET = "the secret of last year, " * 3
NEW_SECRET = "the secret of this year, " * 3
USER_ID = uuid4()
SESSION_ID = uuid4()


def service_of(*secret_keys: str) -> SignedTokenService:
    return SignedTokenService(secret_keys=secret_keys, issuer="this-service", ttl_seconds=600)


def issue(service: SignedTokenService, *, generation: int = 1, now: datetime = NOW) -> TokenPair:
    return service.issue(user_id=USER_ID, session_id=SESSION_ID, generation=generation, now=now)


def issue_for_another_session(service: SignedTokenService) -> str:
    pair = service.issue(user_id=USER_ID, session_id=uuid4(), generation=1, now=NOW)
    return pair.refresh_token


SERVICE = service_of(SECRET)
PAIR = issue(SERVICE)
TOKEN = PAIR.refresh_token


def decoded(token: str) -> bytes:
    return base64.urlsafe_b64decode(token + "==")


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def with_flipped_bit(position: int) -> str:
    data = bytearray(decoded(TOKEN))
    data[position] ^= 1 << (position % 8)
    return encoded(bytes(data))


@pytest.mark.parametrize("generation", [1, 2, 255, 256, 2**31, 2**63])
def test_a_refresh_token_is_read_as_it_was_issued(generation: int) -> None:
    token = issue(SERVICE, generation=generation).refresh_token

    assert SERVICE.read_refresh_token(token) == (SESSION_ID, generation)


def test_the_same_generation_has_the_same_refresh_token_at_any_time() -> None:
    later = NOW + timedelta(days=1)

    assert issue(SERVICE, now=later).refresh_token == TOKEN


def test_each_generation_of_each_session_has_a_different_refresh_token() -> None:
    tokens = {issue(SERVICE, generation=generation).refresh_token for generation in (1, 2, 3)}
    tokens.add(issue_for_another_session(SERVICE))

    assert len(tokens) == 4


def test_a_refresh_token_needs_no_escaping_in_a_url() -> None:
    assert len(decoded(TOKEN)) == TOKEN_BYTES
    assert TOKEN.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize("position", range(TOKEN_BYTES))
def test_a_refresh_token_with_one_flipped_bit_is_refused(position: int) -> None:
    with pytest.raises(AuthenticationError):
        SERVICE.read_refresh_token(with_flipped_bit(position))


@pytest.mark.parametrize("length", range(len(TOKEN)))
def test_a_truncated_refresh_token_is_refused(length: int) -> None:
    with pytest.raises(AuthenticationError):
        SERVICE.read_refresh_token(TOKEN[:length])


HOSTILE = {
    "extended by a character": TOKEN + "A",
    "extended by a byte": encoded(decoded(TOKEN) + b"\0"),
    "extended by bytes in front": encoded(b"\0" * 3 + decoded(TOKEN)),
    "a longer generation": encoded(decoded(TOKEN)[:16] + b"\0" * 8 + decoded(TOKEN)[16:]),
    "twice": TOKEN * 2,
    "padded": TOKEN + "=",
    "padded twice": TOKEN + "==",
    "padded in front": "=" + TOKEN,
    "a space at the end": TOKEN + " ",
    "a line break inside": TOKEN[:40] + "\n" + TOKEN[40:],
    "a character outside the alphabet": TOKEN[:40] + "!" + TOKEN[40:],
    "another spelling of the last character": TOKEN[:-1] + chr(ord(TOKEN[-1]) + 1),
    "swapped case": TOKEN.swapcase(),
    "not ASCII": "ä" * len(TOKEN),
    "fullwidth letters": "".join(chr(ord(character) + 0xFEE0) for character in TOKEN),
    "a lone surrogate": "\ud800" + TOKEN,
    "a null character": "\x00" + TOKEN,
    "a MAC of zeros": encoded(decoded(TOKEN)[:24] + b"\0" * 32),
    "no MAC": encoded(decoded(TOKEN)[:24]),
    "the MAC of another session": encoded(
        decoded(TOKEN)[:24] + decoded(issue_for_another_session(SERVICE))[24:]
    ),
    "an access token": PAIR.access_token,
    "the signature of an access token": PAIR.access_token.split(".")[2],
}


@pytest.mark.parametrize("token", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_refresh_token_is_refused(token: str) -> None:
    with pytest.raises(AuthenticationError):
        SERVICE.read_refresh_token(token)


def test_a_refresh_token_of_another_key_is_refused() -> None:
    attacker = service_of("the secret of an attacker, " * 3)

    with pytest.raises(AuthenticationError):
        SERVICE.read_refresh_token(issue(attacker).refresh_token)


def test_processes_with_the_same_secret_accept_each_others_refresh_tokens() -> None:
    other_process = service_of(SECRET)

    assert other_process.read_refresh_token(TOKEN) == (SESSION_ID, 1)


def test_a_refresh_token_of_a_previous_key_is_accepted_until_the_key_is_removed() -> None:
    token = issue(service_of(OLD_SECRET)).refresh_token

    assert service_of(NEW_SECRET, OLD_SECRET).read_refresh_token(token) == (SESSION_ID, 1)
    with pytest.raises(AuthenticationError):
        service_of(NEW_SECRET).read_refresh_token(token)


def test_refresh_tokens_are_issued_with_the_first_key() -> None:
    token = issue(service_of(NEW_SECRET, OLD_SECRET)).refresh_token

    assert token == issue(service_of(NEW_SECRET)).refresh_token
