"""Signs and reads access tokens (JWT) and refresh tokens (a session's generation with a MAC)."""

import hashlib
import hmac
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from secrets import token_hex
from uuid import UUID

import jwt

from src.domain.errors import AuthenticationError
from src.usecases.ports.token_service import (
    AccessClaims,
    RefreshClaims,
    TokenPair,
    TokenService,
)

ALGORITHM = "HS256"
ACCESS_TYPE = "at+jwt"  # the media type of RFC 9068
REQUIRED_CLAIMS = ["iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp"]
VERIFIED_TOKENS = 4096
CLOCK_SKEW_SECONDS = 30
"""How far the clocks of two processes may differ, in both directions."""
ID_BYTES = 16
GENERATION_BYTES = 8
MAC_BYTES = 32


class SignedTokenService(TokenService):
    """Signs both kinds of token with keys from one secret.

    An access token follows RFC 8725: algorithm, type, issuer and audience are fixed and checked.

    A refresh token is the session's id, its generation and their HMAC-SHA256. None is stored: the
    key recreates the token of any generation, so a repeated request gets the lost response again.
    """

    def __init__(self, *, secret_keys: Sequence[str], issuer: str, ttl_seconds: int) -> None:
        """Sign with the first key, and accept the signatures of all keys."""
        self._secret_keys = secret_keys
        self._issuer = issuer
        self._ttl_seconds = ttl_seconds
        # A client sends the same token many times: its signature is verified once.
        self._verified = lru_cache(VERIFIED_TOKENS)(self._verify)
        # Derived keys, so that no MAC of a refresh token is valid as the signature of a JWT.
        self._refresh_keys = [
            hmac.digest(key.encode(), b"refresh-token", hashlib.sha256) for key in secret_keys
        ]

    def issue(
        self, *, user_id: UUID, session_id: UUID, generation: int, now: datetime
    ) -> TokenPair:
        issued_at = int(now.timestamp())
        payload = {
            "iss": self._issuer,
            "aud": self._issuer,
            "sub": str(user_id),
            "sid": str(session_id),
            "jti": token_hex(16),
            "iat": issued_at,
            "nbf": issued_at,
            "exp": issued_at + self._ttl_seconds,
        }
        return TokenPair(
            access_token=jwt.encode(
                payload, self._secret_keys[0], ALGORITHM, headers={"typ": ACCESS_TYPE}
            ),
            refresh_token=_refresh_token(self._refresh_keys[0], session_id, generation),
            expires_in=self._ttl_seconds,
        )

    def read_access_token(self, token: str) -> AccessClaims:
        try:
            claims, expires_at = self._verified(token)
        except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError) as error:
            raise AuthenticationError from error
        if time.time() >= expires_at + CLOCK_SKEW_SECONDS:
            raise AuthenticationError
        return claims

    def _verify(self, token: str) -> tuple[AccessClaims, float]:
        """Return the claims and the expiry of a valid token. The caller caches the result."""
        for key in self._secret_keys:
            try:
                decoded = jwt.decode_complete(
                    token,
                    key,
                    algorithms=[ALGORITHM],
                    audience=self._issuer,
                    issuer=self._issuer,
                    leeway=CLOCK_SKEW_SECONDS,
                    options={"require": REQUIRED_CLAIMS, "verify_iat": False},
                )
            except jwt.InvalidSignatureError:
                continue
            # PyJWT ignores padding, which would allow a second spelling of the same token.
            if decoded["header"].get("typ") != ACCESS_TYPE or "=" in token:
                break
            payload = decoded["payload"]
            return AccessClaims(UUID(payload["sub"]), UUID(payload["sid"])), payload["exp"]
        raise AuthenticationError

    def read_refresh_token(self, token: str) -> RefreshClaims:
        try:
            body = urlsafe_b64decode(token.encode("ascii") + b"==")[:-MAC_BYTES]
            session_id = UUID(bytes=body[:ID_BYTES])
            generation = int.from_bytes(body[ID_BYTES:])
            # The whole token is compared, so no second spelling of it is accepted.
            is_genuine = any(
                hmac.compare_digest(_refresh_token(key, session_id, generation), token)
                for key in self._refresh_keys
            )
        except (ValueError, OverflowError) as error:
            raise AuthenticationError from error
        if not is_genuine:
            raise AuthenticationError
        return RefreshClaims(session_id, generation)


def _refresh_token(key: bytes, session_id: UUID, generation: int) -> str:
    body = session_id.bytes + generation.to_bytes(GENERATION_BYTES)
    return urlsafe_b64encode(body + hmac.digest(key, body, hashlib.sha256)).rstrip(b"=").decode()
