"""A verified token is remembered, which must change nothing but the time that it takes."""

import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import jwt
import pytest

from src.domain.errors import AuthenticationError
from src.domain.session import Session
from src.utils import tokens as tokens_module
from tests.unit.test_access_tokens import LIFETIME, TOKENS


def issued() -> str:
    now = datetime.now(UTC)
    return TOKENS.issue(Session.start(uuid4(), LIFETIME, now), now).access_token


def test_a_token_is_verified_once(monkeypatch: pytest.MonkeyPatch) -> None:
    token = issued()
    claims = TOKENS.read_access_token(token)
    monkeypatch.setattr(jwt, "decode_complete", None)
    assert TOKENS.read_access_token(token) == claims


def test_a_token_that_was_verified_still_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    token = issued()
    TOKENS.read_access_token(token)
    later = datetime.now(UTC) + timedelta(seconds=600)
    monkeypatch.setattr(time, "time", later.timestamp)
    with pytest.raises(AuthenticationError):
        TOKENS.read_access_token(token)


def test_a_forged_token_is_refused_each_time_also_beside_the_genuine_one() -> None:
    token = issued()
    TOKENS.read_access_token(token)
    head, body, signature = token.split(".")
    forged = f"{head}.{body}.{signature[:-4]}AAAA"
    for _ in range(2):
        with pytest.raises(AuthenticationError):
            TOKENS.read_access_token(forged)


def test_what_is_remembered_is_bounded() -> None:
    for _ in range(20):
        TOKENS.read_access_token(issued())
    cache = TOKENS._verified.cache_info()
    assert 20 <= cache.currsize <= tokens_module.VERIFIED_TOKENS == cache.maxsize
