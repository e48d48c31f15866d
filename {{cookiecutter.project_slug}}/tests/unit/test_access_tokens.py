import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest

from src.domain.errors import AuthenticationError
from src.domain.session import Session, SessionLifetime
from src.utils.tokens import SignedTokens

SECRET = "the secret of this service, " * 3
OTHER_SECRET = "the secret of an attacker, " * 3
ISSUER = "this-service"
LIFETIME = SessionLifetime(idle=timedelta(days=14), absolute=timedelta(days=90))
CLAIMS = ("iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp")

TOKENS = SignedTokens(secret_key=SECRET, issuer=ISSUER, ttl_seconds=600, lifetime=LIFETIME)


def now() -> datetime:
    return datetime.now(UTC)


def new_session() -> Session:
    return Session.start(uuid4(), LIFETIME, now())


def claims(**changed: Any) -> dict[str, Any]:
    """Return the claims of a genuine token, some of them changed."""
    genuine = {
        "iss": ISSUER,
        "aud": ISSUER,
        "sub": str(uuid4()),
        "sid": str(uuid4()),
        "jti": uuid4().hex,
        "iat": now(),
        "nbf": now(),
        "exp": now() + timedelta(minutes=10),
    }
    return genuine | changed


def without(claim: str) -> dict[str, Any]:
    return {name: value for name, value in claims().items() if name != claim}


def signed(
    payload: dict[str, Any], *, key: str = SECRET, algorithm: str = "HS256", **headers: Any
) -> str:
    return jwt.encode(payload, key, algorithm, headers={"typ": "at+jwt"} | headers)


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def by_hand(header: dict[str, Any], signature: bytes | None = None) -> str:
    """Sign what the JWT library would not; by default with this service's own secret."""
    payload = {name: str(value) for name, value in claims().items()}
    head = encoded(json.dumps(header).encode()) + "." + encoded(json.dumps(payload).encode())
    own = hmac.digest(SECRET.encode(), head.encode(), hashlib.sha256)
    return f"{head}.{encoded(own if signature is None else signature)}"


def issued() -> str:
    return TOKENS.issue(new_session(), now()).access_token


def in_another_spelling() -> str:
    """Return a token whose signature's last character has another unused bit."""
    token = issued()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 4]


HOSTILE = {
    "nothing": "",
    "dots": "..",
    "one part": "abc",
    "four parts": issued() + ".abc",
    "not base 64": "ä.ö.ü",
    "a null character": "\x00" + issued(),
    "a header without end": encoded(b'{"a":' + b"[" * 100_000) + ".e30.e30",
    "a header that is no object": encoded(b'"HS256"') + ".e30.e30",
    "no signature": issued().rpartition(".")[0] + ".",
    "a signature cut short": issued()[:-2],
    "a token cut short": issued()[: len(issued()) // 2],
    "a changed signature": in_another_spelling(),
    "another token's signature": f"{issued().rpartition('.')[0]}.{issued().rpartition('.')[2]}",
    "algorithm none": jwt.encode(claims(), "", "none", headers={"typ": "at+jwt"}),
    "algorithm none, signed": by_hand({"alg": "none", "typ": "at+jwt"}),
    "algorithm NONE": by_hand({"alg": "NONE", "typ": "at+jwt"}, b""),
    "algorithm hs256": by_hand({"alg": "hs256", "typ": "at+jwt"}),
    "algorithm HS384": signed(claims(), algorithm="HS384"),
    "algorithm HS512": signed(claims(), algorithm="HS512"),
    "algorithm RS256": by_hand({"alg": "RS256", "typ": "at+jwt"}),
    "algorithm EdDSA": by_hand({"alg": "EdDSA", "typ": "at+jwt"}),
    "no algorithm": by_hand({"typ": "at+jwt"}),
    "an algorithm that is no text": by_hand({"alg": ["HS256"], "typ": "at+jwt"}),
    "an unencoded payload": by_hand({"alg": "HS256", "typ": "at+jwt", "b64": False}),
    "another key": signed(claims(), key=OTHER_SECRET),
    "another key, named by kid": signed(claims(), key=OTHER_SECRET, kid="../../dev/null"),
    "another key, found by jku": signed(claims(), key=OTHER_SECRET, jku="https://evil.example"),
    "another key, enclosed": signed(
        claims(), key=OTHER_SECRET, jwk={"kty": "oct", "k": encoded(OTHER_SECRET.encode())}
    ),
    "an empty key": by_hand(
        {"alg": "HS256", "typ": "at+jwt"}, hmac.digest(b"", b"", hashlib.sha256)
    ),
    "type JWT": signed(claims(), typ="JWT"),
    "no type": jwt.encode(claims(), SECRET, "HS256", headers={"typ": None}),
    "a type that is no text": by_hand({"alg": "HS256", "typ": ["at+jwt"]}),
    "a demand nobody knows": signed(claims(), crit=["exp", "unheard-of"]),
    "another issuer": signed(claims(iss="other-service")),
    "an issuer that begins alike": signed(claims(iss=ISSUER + "-2")),
    "another audience": signed(claims(aud="other-service")),
    "no audience in the list": signed(claims(aud=[])),
    "expired": signed(claims(exp=now() - timedelta(seconds=30))),
    "an expiry that is no number": signed(claims(exp="never")),
    "valid in the future only": signed(claims(nbf=now() + timedelta(hours=1))),
    "a user that is no UUID": signed(claims(sub="admin")),
    "a session that is no UUID": signed(claims(sid="' OR 1=1")),
    "a session that is a number": signed(claims(sid=1)),
    "a session that is a list": signed(claims(sid=[str(uuid4())])),
    "a session that is nothing": signed(claims(sid=None)),
    "a refresh token": TOKENS.issue(new_session(), now()).refresh_token,
    **{f"no {claim}": signed(without(claim)) for claim in CLAIMS},
}


def test_an_access_token_is_read_as_it_was_issued() -> None:
    session = new_session()

    pair = TOKENS.issue(session, now())

    assert TOKENS.read_access_token(pair.access_token) == (session.user_id, session.id)
    assert pair.expires_in == 600


def test_the_forged_tokens_below_differ_from_a_genuine_one_in_their_flaw_only() -> None:
    genuine = claims()

    assert TOKENS.read_access_token(signed(genuine)) == TOKENS.read_access_token(
        signed(genuine, kid="ours")
    )


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
    payload = jwt.decode(issued(), options={"verify_signature": False})

    assert set(payload) == set(CLAIMS)
