"""Forges access tokens, each with one flaw."""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt

OTHER_SECRET = "the secret of an attacker, " * 3
CLAIMS = ("iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp")
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def now() -> datetime:
    return datetime.now(UTC)


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass(frozen=True)
class Forger:
    """Forges tokens with the service's own secret, so the named flaw of each is its only flaw."""

    secret: str
    issuer: str
    access_token: str
    refresh_token: str

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Return the claims of the genuine token with some changes."""
        genuine: dict[str, Any] = jwt.decode(self.access_token, options={"verify_signature": False})
        return genuine | changed

    def signed(
        self,
        payload: dict[str, Any],
        *,
        key: str | None = None,
        algorithm: str = "HS256",
        **headers: Any,
    ) -> str:
        """Return a token with these claims. By default it is signed as the service signs."""
        headers = {"typ": "at+jwt"} | headers
        return jwt.encode(payload, key or self.secret, algorithm, headers=headers)

    def by_hand(self, header: dict[str, Any], signature: bytes | None = None) -> str:
        """Sign a header that the JWT library refuses, by default with the service's own secret."""
        head = f"{encoded(json.dumps(header).encode())}.{self.access_token.split('.')[1]}"
        own = hmac.digest(self.secret.encode(), head.encode(), hashlib.sha256)
        return f"{head}.{encoded(own if signature is None else signature)}"

    def hostile(self) -> dict[str, str]:
        """Return a token for each flaw, by the flaw's name."""
        return {
            **self._malformed(),
            **self._of_another_algorithm(),
            **self._of_another_key(),
            **self._with_other_claims(),
            "a refresh token": self.refresh_token,
        }

    def _malformed(self) -> dict[str, str]:
        genuine = self.access_token
        # The last character of the signature has an unused bit. Both values decode to the same.
        respelled = genuine[:-1] + ALPHABET[ALPHABET.index(genuine[-1]) ^ 1]
        other = self.signed(self.claims(jti=uuid4().hex)).rpartition(".")[2]
        return {
            "nothing": "",
            "dots": "..",
            "one part": "abc",
            "four parts": genuine + ".abc",
            "not Base64": "ä.ö.ü",
            "a null character": "\x00" + genuine,
            "a deeply nested header": encoded(b'{"a":' + b"[" * 1000) + ".e30.e30",
            "a header that is not an object": encoded(b'"HS256"') + ".e30.e30",
            "no signature": genuine.rpartition(".")[0] + ".",
            "a truncated signature": genuine[:-2],
            "a truncated token": genuine[: len(genuine) // 2],
            "a changed signature": genuine[:-9]
            + ("A" if genuine[-9] != "A" else "B")
            + genuine[-8:],
            "another spelling of the signature": respelled,
            "a padded signature": genuine + "=",
            "the signature of another token": f"{genuine.rpartition('.')[0]}.{other}",
        }

    def _of_another_algorithm(self) -> dict[str, str]:
        claims = self.claims()
        return {
            "algorithm none": jwt.encode(claims, "", "none", headers={"typ": "at+jwt"}),
            "algorithm none, signed": self.by_hand({"alg": "none", "typ": "at+jwt"}),
            "algorithm NONE": self.by_hand({"alg": "NONE", "typ": "at+jwt"}, b""),
            "algorithm hs256": self.by_hand({"alg": "hs256", "typ": "at+jwt"}),
            "algorithm HS384": self.signed(claims, algorithm="HS384"),
            "algorithm HS512": self.signed(claims, algorithm="HS512"),
            "algorithm RS256": self.by_hand({"alg": "RS256", "typ": "at+jwt"}),
            "algorithm EdDSA": self.by_hand({"alg": "EdDSA", "typ": "at+jwt"}),
            "no algorithm": self.by_hand({"typ": "at+jwt"}),
            "an algorithm that is not text": self.by_hand({"alg": ["HS256"], "typ": "at+jwt"}),
            "an unencoded payload": self.by_hand({"alg": "HS256", "typ": "at+jwt", "b64": False}),
            "type JWT": self.signed(claims, typ="JWT"),
            "no type": jwt.encode(claims, self.secret, "HS256", headers={"typ": None}),
            "a type that is not text": self.by_hand({"alg": "HS256", "typ": ["at+jwt"]}),
            "an unknown critical header": self.signed(claims, crit=["exp", "unheard-of"]),
        }

    def _of_another_key(self) -> dict[str, str]:
        claims = self.claims()
        key = OTHER_SECRET
        jwk = {"kty": "oct", "k": encoded(key.encode())}
        empty_mac = hmac.digest(b"", b"", hashlib.sha256)
        return {
            "another key": self.signed(claims, key=key),
            "another key with a kid": self.signed(claims, key=key, kid="../../dev/null"),
            "another key with a jku": self.signed(claims, key=key, jku="https://evil.example"),
            "another key with an x5u": self.signed(claims, key=key, x5u="https://evil.example"),
            "another key with a jwk": self.signed(claims, key=key, jwk=jwk),
            "an empty key": self.by_hand({"alg": "HS256", "typ": "at+jwt"}, empty_mac),
        }

    def _with_other_claims(self) -> dict[str, str]:
        changes: dict[str, dict[str, Any]] = {
            "another issuer": {"iss": "other-service"},
            "an issuer with the same prefix": {"iss": self.issuer + "-2"},
            "another audience": {"aud": "other-service"},
            "an empty list of audiences": {"aud": []},
            "expired": {"exp": now() - timedelta(seconds=30)},
            "an expiry that is not a number": {"exp": "never"},
            "not valid yet": {"nbf": now() + timedelta(hours=1)},
            "a user that is not a UUID": {"sub": "admin"},
            "another user": {"sub": str(uuid4())},
            "a session that is not a UUID": {"sid": "' OR 1=1"},
            "a session that is a number": {"sid": 1},
            "a session that is a list": {"sid": [str(uuid4())]},
            "a session that is null": {"sid": None},
            "another session": {"sid": str(uuid4())},
        }
        missing = {
            f"no {name}": {n: value for n, value in self.claims().items() if n != name}
            for name in CLAIMS
        }
        changed = {flaw: self.claims(**change) for flaw, change in changes.items()}
        return {flaw: self.signed(payload) for flaw, payload in {**changed, **missing}.items()}
