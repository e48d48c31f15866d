from datetime import UTC, datetime, timedelta
from uuid import uuid4

import jwt
import pytest

from src.domain.errors import AuthenticationError
from src.domain.session import Session, SessionLifetime
from src.utils.tokens import SignedTokens
from tests.support.forgery import CLAIMS, Forger

SECRET, NEW_SECRET = "the secret of this service, " * 3, "the next secret of it, " * 3
ISSUER = "this-service"
LIFETIME = SessionLifetime(idle=timedelta(days=14), absolute=timedelta(days=90))


def tokens_of(*secret_keys: str) -> SignedTokens:
    return SignedTokens(secret_keys=secret_keys, issuer=ISSUER, ttl_seconds=600, lifetime=LIFETIME)


def now() -> datetime:
    return datetime.now(UTC)


def new_session() -> Session:
    return Session.start(uuid4(), LIFETIME, now())


TOKENS = tokens_of(SECRET)
PAIR = TOKENS.issue(new_session(), now())
FORGER = Forger(SECRET, ISSUER, PAIR.access_token, PAIR.refresh_token)
# What the token itself says is genuine: that there is no such session, the database knows.
HOSTILE = {
    flaw: token
    for flaw, token in FORGER.hostile().items()
    if flaw not in {"another user", "another session"}
}


def test_an_access_token_is_read_as_it_was_issued() -> None:
    session = new_session()

    pair = TOKENS.issue(session, now())

    assert TOKENS.read_access_token(pair.access_token) == (session.user_id, session.id)
    assert pair.expires_in == 600


def test_the_forged_tokens_below_differ_from_a_genuine_one_in_their_flaw_only() -> None:
    genuine = TOKENS.read_access_token(PAIR.access_token)

    for token in (
        FORGER.signed(FORGER.claims()),
        FORGER.signed(FORGER.claims(), kid="ours"),
        FORGER.by_hand({"alg": "HS256", "typ": "at+jwt"}),
    ):
        assert TOKENS.read_access_token(token) == genuine


@pytest.mark.parametrize("token", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_access_token_is_refused(token: str) -> None:
    with pytest.raises(AuthenticationError):
        TOKENS.read_access_token(token)


@pytest.mark.parametrize("seconds", [630, 86400])
def test_an_access_token_is_refused_once_its_time_is_over(seconds: int) -> None:
    token = TOKENS.issue(new_session(), now() - timedelta(seconds=seconds)).access_token

    with pytest.raises(AuthenticationError):
        TOKENS.read_access_token(token)


def test_a_token_issued_by_a_server_whose_clock_is_two_seconds_ahead_is_accepted() -> None:
    token = TOKENS.issue(new_session(), now() + timedelta(seconds=2)).access_token

    assert TOKENS.read_access_token(token)


def test_two_access_tokens_of_one_session_are_told_apart() -> None:
    session, moment = new_session(), now()

    one, other = (TOKENS.issue(session, moment).access_token for _ in range(2))

    assert one != other


def test_an_access_token_tells_nothing_but_ids_and_times() -> None:
    payload = jwt.decode(PAIR.access_token, options={"verify_signature": False})

    assert set(payload) == set(CLAIMS)


@pytest.mark.parametrize("token", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_access_token_is_refused_with_several_keys_too(token: str) -> None:
    with pytest.raises(AuthenticationError):
        tokens_of(NEW_SECRET, SECRET).read_access_token(token)


def test_the_access_token_of_a_previous_key_is_accepted_until_that_key_is_removed() -> None:
    session = new_session()
    old = TOKENS.issue(session, now()).access_token
    new = tokens_of(NEW_SECRET, SECRET).issue(session, now()).access_token

    for token in (old, new):
        claims = tokens_of(NEW_SECRET, SECRET).read_access_token(token)
        assert claims == (session.user_id, session.id)
    assert tokens_of(NEW_SECRET).read_access_token(new)
    with pytest.raises(AuthenticationError):
        tokens_of(NEW_SECRET).read_access_token(old)
