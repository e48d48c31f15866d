from datetime import UTC, datetime, timedelta
from uuid import uuid4

import jwt
import pytest

from src.domain.errors import AuthenticationError
from src.usecases.ports.token_service import TokenPair
from src.utils.security.tokens import SignedTokenService
from tests.support.forgery import CLAIMS, Forger

SECRET = "the secret of this service, " * 3
NEW_SECRET = "the next secret of it, " * 3
ISSUER = "this-service"
TTL_SECONDS = 600
USER_ID = uuid4()
SESSION_ID = uuid4()


def service_of(*secret_keys: str) -> SignedTokenService:
    return SignedTokenService(secret_keys=secret_keys, issuer=ISSUER, ttl_seconds=TTL_SECONDS)


def issue(service: SignedTokenService, *, age: timedelta = timedelta()) -> TokenPair:
    return service.issue(
        user_id=USER_ID, session_id=SESSION_ID, generation=1, now=datetime.now(UTC) - age
    )


SERVICE = service_of(SECRET)
PAIR = issue(SERVICE)
FORGER = Forger(SECRET, ISSUER, PAIR.access_token, PAIR.refresh_token)
# These two are valid as tokens: only the database knows that there is no such session.
VALID_AS_TOKENS = {"another user", "another session"}
HOSTILE = {flaw: token for flaw, token in FORGER.hostile().items() if flaw not in VALID_AS_TOKENS}


def test_an_access_token_is_read_as_it_was_issued() -> None:
    pair = issue(SERVICE)

    assert SERVICE.read_access_token(pair.access_token) == (USER_ID, SESSION_ID)
    assert pair.expires_in == TTL_SECONDS


def test_a_forged_token_without_a_flaw_is_accepted() -> None:
    """So each hostile token below is refused for its flaw, and for nothing else."""
    genuine = SERVICE.read_access_token(PAIR.access_token)

    for token in (
        FORGER.signed(FORGER.claims()),
        FORGER.signed(FORGER.claims(), kid="ours"),
        FORGER.by_hand({"alg": "HS256", "typ": "at+jwt"}),
    ):
        assert SERVICE.read_access_token(token) == genuine


@pytest.mark.parametrize("token", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_access_token_is_refused(token: str) -> None:
    with pytest.raises(AuthenticationError):
        SERVICE.read_access_token(token)


@pytest.mark.parametrize("token", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_access_token_is_refused_by_a_service_with_several_keys(token: str) -> None:
    with pytest.raises(AuthenticationError):
        service_of(NEW_SECRET, SECRET).read_access_token(token)


@pytest.mark.parametrize("seconds", [TTL_SECONDS + 30, 86400])
def test_an_expired_access_token_is_refused(seconds: int) -> None:
    token = issue(SERVICE, age=timedelta(seconds=seconds)).access_token

    with pytest.raises(AuthenticationError):
        SERVICE.read_access_token(token)


@pytest.mark.parametrize("seconds", [-28, TTL_SECONDS + 15])
def test_an_access_token_is_accepted_when_the_clocks_of_two_servers_differ_by_less_than_30_seconds(
    seconds: int,
) -> None:
    token = issue(SERVICE, age=timedelta(seconds=seconds)).access_token

    for _ in range(2):  # the second time its signature is not verified again
        assert SERVICE.read_access_token(token)


def test_an_access_token_of_a_server_with_a_clock_a_minute_ahead_is_refused() -> None:
    token = issue(SERVICE, age=timedelta(seconds=-90)).access_token

    with pytest.raises(AuthenticationError):
        SERVICE.read_access_token(token)


def test_two_access_tokens_of_one_session_differ() -> None:
    assert issue(SERVICE).access_token != issue(SERVICE).access_token


def test_an_access_token_contains_ids_and_times_only() -> None:
    payload = jwt.decode(PAIR.access_token, options={"verify_signature": False})

    assert set(payload) == set(CLAIMS)


def test_an_access_token_of_a_previous_key_is_accepted_until_the_key_is_removed() -> None:
    old = issue(SERVICE).access_token
    new = issue(service_of(NEW_SECRET, SECRET)).access_token

    for token in (old, new):
        claims = service_of(NEW_SECRET, SECRET).read_access_token(token)
        assert claims == (USER_ID, SESSION_ID)
    assert service_of(NEW_SECRET).read_access_token(new)
    with pytest.raises(AuthenticationError):
        service_of(NEW_SECRET).read_access_token(old)
