from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from src.domain.session import (
    REFRESH_GRACE,
    Refresh,
    Session,
    SessionLifetime,
    SessionReuseDetected,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIFETIME = SessionLifetime(idle=timedelta(hours=1), absolute=timedelta(hours=3))
SECOND = timedelta(seconds=1)
TICK = timedelta(microseconds=1)


def new_session() -> Session:
    return Session.start(uuid4(), LIFETIME, NOW)


def session_of_generation(generation: int) -> Session:
    """Return a session that was refreshed up to this generation, the last time at NOW."""
    session = new_session()
    for current in range(1, generation):
        assert session.refresh(current, LIFETIME, NOW) is Refresh.ROTATED
    return session


def test_a_new_session_has_generation_1_and_is_live() -> None:
    session = new_session()

    assert session.generation == session.version == 1
    assert session.is_live(NOW)
    assert session.events == []


def test_the_idle_expiry_is_never_later_than_the_absolute_expiry() -> None:
    short = SessionLifetime(idle=timedelta(hours=5), absolute=timedelta(hours=3))

    session = Session.start(uuid4(), short, NOW)

    assert session.idle_expires_at == session.absolute_expires_at == NOW + timedelta(hours=3)


def test_the_grace_period_is_ten_seconds() -> None:
    assert timedelta(seconds=10) == REFRESH_GRACE


@pytest.mark.parametrize(
    ("presented", "after", "outcome"),
    [
        pytest.param(3, 0 * SECOND, Refresh.ROTATED, id="current"),
        pytest.param(3, timedelta(minutes=59), Refresh.ROTATED, id="current, much later"),
        pytest.param(2, 0 * SECOND, Refresh.REPEATED, id="previous, at once"),
        pytest.param(2, 10 * SECOND, Refresh.REPEATED, id="previous, at the end of the grace"),
        pytest.param(2, -SECOND, Refresh.REPEATED, id="previous, by a clock that is behind"),
        pytest.param(2, 10 * SECOND + TICK, Refresh.REUSED, id="previous, after the grace"),
        pytest.param(1, 0 * SECOND, Refresh.REUSED, id="older, within the grace"),
        pytest.param(1, 20 * SECOND, Refresh.REUSED, id="older, after the grace"),
        pytest.param(0, 0 * SECOND, Refresh.REUSED, id="before the first"),
        pytest.param(4, 0 * SECOND, Refresh.ENDED, id="issued before a restore"),
        pytest.param(2**63, 0 * SECOND, Refresh.ENDED, id="far ahead"),
    ],
)
def test_the_outcome_of_a_refresh_of_generation_3_depends_on_the_presented_generation(
    presented: int, after: timedelta, outcome: Refresh
) -> None:
    assert session_of_generation(3).refresh(presented, LIFETIME, NOW + after) is outcome


def test_generation_0_is_not_the_previous_of_the_first_generation() -> None:
    session = new_session()

    assert session.refresh(0, LIFETIME, NOW) is Refresh.REUSED
    assert not session.is_live(NOW)


def test_a_refresh_rotates_the_generation_and_extends_the_idle_expiry() -> None:
    session = new_session()
    later = NOW + timedelta(minutes=30)

    session.refresh(1, LIFETIME, later)

    assert session.generation == session.version == 2
    assert session.rotated_at == later
    assert session.idle_expires_at == later + LIFETIME.idle
    assert session.events == []


def test_a_refresh_does_not_extend_the_absolute_expiry() -> None:
    session = new_session()
    end = NOW + LIFETIME.absolute
    for minutes in (50, 100, 150):
        session.refresh(session.generation, LIFETIME, NOW + timedelta(minutes=minutes))

    assert session.absolute_expires_at == session.idle_expires_at == end
    assert session.refresh(session.generation, LIFETIME, end - TICK) is Refresh.ROTATED
    assert session.refresh(session.generation, LIFETIME, end) is Refresh.ENDED


def test_a_repeated_refresh_changes_nothing() -> None:
    session = session_of_generation(3)
    before = vars(session).copy()

    session.refresh(2, LIFETIME, NOW + 5 * SECOND)

    assert vars(session) == before


def test_a_refresh_token_newer_than_the_session_changes_nothing() -> None:
    session = session_of_generation(3)
    before = vars(session).copy()

    session.refresh(4, LIFETIME, NOW)

    assert vars(session) == before


def test_a_repeated_refresh_does_not_extend_the_grace_period() -> None:
    session = session_of_generation(3)

    assert session.refresh(2, LIFETIME, NOW + 9 * SECOND) is Refresh.REPEATED
    assert session.refresh(2, LIFETIME, NOW + 11 * SECOND) is Refresh.REUSED


def test_an_older_refresh_token_revokes_the_session_and_records_one_event() -> None:
    session = session_of_generation(3)
    later = NOW + SECOND

    session.refresh(1, LIFETIME, later)

    assert session.revoked_at == later
    [recorded] = session.events
    assert recorded.event == SessionReuseDetected(user_id=session.user_id)
    assert (recorded.aggregate_id, recorded.aggregate_version) == (session.id, 3)


def test_a_second_reuse_records_no_second_event() -> None:
    session = session_of_generation(3)

    session.refresh(1, LIFETIME, NOW)

    assert session.refresh(1, LIFETIME, NOW) is Refresh.ENDED
    assert len(session.events) == 1


@pytest.mark.parametrize("presented", [1, 2, 3, 4])
def test_a_revoked_session_accepts_no_refresh_token(presented: int) -> None:
    session = session_of_generation(3)
    session.revoke(NOW)

    assert session.refresh(presented, LIFETIME, NOW) is Refresh.ENDED
    assert session.generation == 3
    assert session.events == []


@pytest.mark.parametrize("presented", [1, 2, 3, 4])
def test_a_session_past_its_idle_expiry_accepts_no_refresh_token(presented: int) -> None:
    session = session_of_generation(3)

    assert session.refresh(presented, LIFETIME, NOW + LIFETIME.idle) is Refresh.ENDED
    assert session.revoked_at is None
    assert session.events == []


def test_a_session_is_live_until_its_idle_expiry() -> None:
    session = new_session()

    assert session.is_live(NOW + LIFETIME.idle - TICK)
    assert not session.is_live(NOW + LIFETIME.idle)


def test_revoking_a_session_twice_keeps_the_first_time() -> None:
    session = new_session()

    session.revoke(NOW)
    session.revoke(NOW + SECOND)

    assert session.revoked_at == NOW
    assert not session.is_live(NOW)
