"""Access tokens (JWT) and refresh tokens (a session's generation and a MAC of it)."""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import jwt

from src.domain.errors import AuthenticationError
from src.usecases.ports.tokens import AccessClaims, RefreshClaims

ALGORITHM = "HS256"
TOKEN_TYPE = "at+jwt"  # noqa: S105  the media type of RFC 9068
REQUIRED_CLAIMS = ["iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp"]

REJECTED_ACCESS = "The access token is missing, expired or not valid."
REJECTED_REFRESH = "The refresh token is not valid."

ID_BYTES = 16
GENERATION_BYTES = 8
MAC_BYTES = 32


class JWTAccessTokens:
    """JWTs after RFC 8725: one algorithm, one type, one issuer and one audience, all checked."""

    def __init__(self, *, secret_key: str, issuer: str, ttl_seconds: int) -> None:
        self._key = secret_key
        self._issuer = issuer
        self.ttl_seconds = ttl_seconds

    def issue(self, claims: AccessClaims, now: datetime) -> str:
        """Return a signed token that expires `ttl_seconds` after `now`."""
        payload = {
            "iss": self._issuer,
            "aud": self._issuer,
            "sub": str(claims.user_id),
            "sid": str(claims.session_id),
            "jti": uuid4().hex,
            "iat": now,
            "nbf": now,
            "exp": now + timedelta(seconds=self.ttl_seconds),
        }
        return jwt.encode(payload, self._key, ALGORITHM, headers={"typ": TOKEN_TYPE})

    def read(self, token: str) -> AccessClaims:
        """Return what a valid token says, or raise `AuthenticationError`."""
        try:
            decoded = jwt.decode_complete(
                token,
                self._key,
                algorithms=[ALGORITHM],
                audience=self._issuer,
                issuer=self._issuer,
                options={"require": REQUIRED_CLAIMS},
            )
            if decoded["header"].get("typ") != TOKEN_TYPE:
                raise AuthenticationError(REJECTED_ACCESS)
            payload = decoded["payload"]
            return AccessClaims(user_id=UUID(payload["sub"]), session_id=UUID(payload["sid"]))
        except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError) as error:
            raise AuthenticationError(REJECTED_ACCESS) from error


class HMACRefreshTokens:
    """Session id, generation and their HMAC-SHA256, in URL-safe base 64.

    Nothing about a token is stored: the key makes the token of any generation again, which is how
    a repeated request gets the successor that it missed.
    """

    def __init__(self, *, secret_key: str) -> None:
        # A key of its own, so that no MAC made here is ever a JWT's signature.
        self._key = hmac.digest(secret_key.encode(), b"refresh-token", hashlib.sha256)

    def issue(self, claims: RefreshClaims) -> str:
        """Return the one token of this session and generation."""
        body = claims.session_id.bytes + claims.generation.to_bytes(GENERATION_BYTES)
        mac = hmac.digest(self._key, body, hashlib.sha256)
        return urlsafe_b64encode(body + mac).rstrip(b"=").decode()

    def read(self, token: str) -> RefreshClaims:
        """Return what a genuine token says, or raise `AuthenticationError`."""
        try:
            body = urlsafe_b64decode(token.encode("ascii") + b"==")[:-MAC_BYTES]
            claims = RefreshClaims(
                session_id=UUID(bytes=body[:ID_BYTES]), generation=int.from_bytes(body[ID_BYTES:])
            )
            # The whole token is compared, so that no other spelling of it is accepted either.
            if hmac.compare_digest(self.issue(claims), token):
                return claims
        except (ValueError, OverflowError) as error:
            raise AuthenticationError(REJECTED_REFRESH) from error
        raise AuthenticationError(REJECTED_REFRESH)
