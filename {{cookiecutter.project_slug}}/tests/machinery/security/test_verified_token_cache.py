"""The cache of verified access tokens saves work, and accepts no other token."""

import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import jwt
import pytest

from src.domain.errors import AuthenticationError
from src.utils.security.tokens import VERIFIED_TOKENS, SignedTokenService

TTL_SECONDS = 600


@pytest.fixture
def service() -> SignedTokenService:
    return SignedTokenService(
        secret_keys=["0123456789abcdef" * 4], issuer="this-service", ttl_seconds=TTL_SECONDS
    )


def issue(service: SignedTokenService) -> str:
    pair = service.issue(user_id=uuid4(), session_id=uuid4(), generation=1, now=datetime.now(UTC))
    return pair.access_token


def test_the_signature_of_a_token_is_verified_once(
    service: SignedTokenService, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = issue(service)
    claims = service.read_access_token(token)

    monkeypatch.setattr(jwt, "decode_complete", None)

    assert service.read_access_token(token) == claims


def test_a_cached_token_expires(
    service: SignedTokenService, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = issue(service)
    service.read_access_token(token)

    later = datetime.now(UTC) + timedelta(seconds=TTL_SECONDS + 30)  # the leeway
    monkeypatch.setattr(time, "time", later.timestamp)

    with pytest.raises(AuthenticationError):
        service.read_access_token(token)


def test_a_forged_token_is_refused_each_time_although_the_genuine_one_is_cached(
    service: SignedTokenService,
) -> None:
    token = issue(service)
    service.read_access_token(token)
    signed, _, signature = token.rpartition(".")
    forged = f"{signed}.{signature[:-4]}AAAA"

    for _ in range(2):
        with pytest.raises(AuthenticationError):
            service.read_access_token(forged)


def test_the_number_of_cached_tokens_is_limited(service: SignedTokenService) -> None:
    for _ in range(20):
        service.read_access_token(issue(service))

    cache = service._verified.cache_info()
    assert cache.currsize == 20
    assert cache.maxsize == VERIFIED_TOKENS
