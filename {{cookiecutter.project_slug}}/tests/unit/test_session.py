from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from src.domain.events import SessionReuseDetected
from src.domain.session import REFRESH_GRACE, Refresh, Session, SessionLifetime

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIFETIME = SessionLifetime(idle=timedelta(hours=1), absolute=timedelta(hours=3))
SECOND = timedelta(seconds=1)
TICK = timedelta(microseconds=1)


def new_session() -> Session:
    return Session.start(uuid4(), LIFETIME, NOW)


def session_of_generation(generation: int) -> Session:
    """Return a session that was refreshed up to this generation, lastly at NOW."""
    session = new_session()
    for current in range(1, generation):
        assert session.refresh(current, LIFETIME, NOW) is Refresh.ROTATED
    return session


def test_a_new_session_is_of_generation_1_and_live() -> None:
    session = new_session()

    assert session.generation == 1
    assert session.is_live(NOW)
    assert session.events == []


def test_a_session_is_never_idle_for_longer_than_it_may_live() -> None:
    short = SessionLifetime(idle=timedelta(hours=5), absolute=timedelta(hours=3))

    session = Session.start(uuid4(), short, NOW)

    assert session.idle_expires_at == session.absolute_expires_at == NOW + timedelta(hours=3)


def test_the_grace_is_ten_seconds() -> None:
    assert timedelta(seconds=10) == REFRESH_GRACE


@pytest.mark.parametrize(
    ("presented", "after", "outcome"),
    [
        pytest.param(3, 0 * SECOND, Refresh.ROTATED, id="the current one"),
        pytest.param(3, timedelta(minutes=59), Refresh.ROTATED, id="the current one, much later"),
        pytest.param(2, 0 * SECOND, Refresh.REPEATED, id="the previous one, at once"),
        pytest.param(2, 10 * SECOND, Refresh.REPEATED, id="the previous one, as the grace ends"),
        pytest.param(2, -SECOND, Refresh.REPEATED, id="the previous one, by a clock behind"),
        pytest.param(2, 10 * SECOND + TICK, Refresh.REUSED, id="the previous one, after the grace"),
        pytest.param(1, 0 * SECOND, Refresh.REUSED, id="an older one, within the grace"),
        pytest.param(1, 20 * SECOND, Refresh.REUSED, id="an older one, after the grace"),
        pytest.param(0, 0 * SECOND, Refresh.REUSED, id="one before the first"),
        pytest.param(4, 0 * SECOND, Refresh.REUSED, id="one not given out yet"),
        pytest.param(2**63, 0 * SECOND, Refresh.REUSED, id="one far ahead"),
    ],
)
def test_a_refresh_token_of_generation_3_of_3(
    presented: int, after: timedelta, outcome: Refresh
) -> None:
    assert session_of_generation(3).refresh(presented, LIFETIME, NOW + after) is outcome


def test_the_first_generation_has_no_previous_one() -> None:
    session = new_session()

    assert session.refresh(0, LIFETIME, NOW) is Refresh.REUSED
    assert not session.is_live(NOW)


def test_a_refresh_moves_the_session_on() -> None:
    session, later = new_session(), NOW + timedelta(minutes=30)

    session.refresh(1, LIFETIME, later)

    assert session.generation == 2
    assert session.rotated_at == later
    assert session.idle_expires_at == later + LIFETIME.idle
    assert session.events == []


def test_a_refresh_does_not_extend_the_life_of_a_session() -> None:
    session, end = new_session(), NOW + LIFETIME.absolute
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


def test_a_grace_is_not_prolonged_by_repeating() -> None:
    session = session_of_generation(3)

    assert session.refresh(2, LIFETIME, NOW + 9 * SECOND) is Refresh.REPEATED
    assert session.refresh(2, LIFETIME, NOW + 11 * SECOND) is Refresh.REUSED


def test_an_older_refresh_token_revokes_the_session_and_records_one_event() -> None:
    session, later = session_of_generation(3), NOW + SECOND

    session.refresh(1, LIFETIME, later)

    assert session.revoked_at == later
    [event] = session.events
    assert isinstance(event, SessionReuseDetected)
    assert (event.aggregate_id, event.user_id) == (session.id, session.user_id)
    assert (event.aggregate_version, event.occurred_at) == (3, later)


def test_a_second_reuse_is_not_recorded_again() -> None:
    session = session_of_generation(3)

    session.refresh(1, LIFETIME, NOW)

    assert session.refresh(1, LIFETIME, NOW) is Refresh.ENDED
    assert len(session.events) == 1


@pytest.mark.parametrize("presented", [1, 2, 3, 4])
def test_a_revoked_session_answers_no_refresh_token(presented: int) -> None:
    session = session_of_generation(3)
    session.revoke(NOW)

    assert session.refresh(presented, LIFETIME, NOW) is Refresh.ENDED
    assert session.generation == 3
    assert session.events == []


@pytest.mark.parametrize("presented", [1, 2, 3, 4])
def test_an_idle_session_answers_no_refresh_token(presented: int) -> None:
    session = session_of_generation(3)

    assert session.refresh(presented, LIFETIME, NOW + LIFETIME.idle) is Refresh.ENDED
    assert session.revoked_at is None
    assert session.events == []


def test_a_session_is_live_until_it_was_idle_for_too_long() -> None:
    session = new_session()

    assert session.is_live(NOW + LIFETIME.idle - TICK)
    assert not session.is_live(NOW + LIFETIME.idle)


def test_ending_a_session_twice_keeps_the_time_of_the_first() -> None:
    session = new_session()

    session.revoke(NOW)
    session.revoke(NOW + SECOND)

    assert session.revoked_at == NOW
    assert not session.is_live(NOW)
