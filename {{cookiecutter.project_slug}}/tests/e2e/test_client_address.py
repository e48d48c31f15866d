"""Behind a proxy, whoever the proxy says is the client; otherwise nobody is believed."""

import pytest
from src.usecases.log_in import LogIn

from src.config import Settings
from src.container import build_container
from src.domain.errors import AuthenticationError
from tests.support.accounts import PASSWORD, post
from tests.support.service import serving
from tests.support.users import new_email

# What the proxy saw itself is last; what came with the request is worth nothing.
FORGED = [("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-For", "198.51.100.7")]


class Recorder:
    """A login that fails, and remembers where it came from."""

    def __init__(self) -> None:
        self.addresses: list[str] = []

    async def execute(self, *, address: str, **_: object) -> None:
        self.addresses.append(address)
        raise AuthenticationError


@pytest.mark.parametrize(
    ("trusted", "client"),
    [
        pytest.param("", "127.0.0.1", id="nobody, as the image has it"),
        pytest.param("192.0.2.1", "127.0.0.1", id="another hop"),
        pytest.param("127.0.0.1", "198.51.100.7", id="this hop"),
        pytest.param("127.0.0.0/8,198.51.100.0/24", "203.0.113.9", id="two hops"),
    ],
)
async def test_a_clients_address_is_taken_from_trusted_hops_only(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, trusted: str, client: str
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", trusted)
    container, recorder = build_container(settings), Recorder()
    container.register(LogIn, instance=recorder)
    async with serving(container) as api:
        body = {"email": new_email(), "password": PASSWORD}
        await api.post("/api/v1/auth/login", json=body, headers=FORGED)
    assert recorder.addresses == [client]


async def test_a_forged_address_is_no_way_round_the_throttle(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "")
    async with serving(build_container(settings)) as api:
        email, statuses = new_email(), []
        for number in range(settings.security_throttle.per_account_and_address + 1):
            headers = {"X-Forwarded-For": f"203.0.113.{number}", "X-Real-IP": f"192.0.2.{number}"}
            body = {"email": email, "password": PASSWORD}
            response = await api.post("/api/v1/auth/login", json=body, headers=headers)
            statuses.append(response.status_code)
        assert statuses == [401] * settings.security_throttle.per_account_and_address + [429]
        refused = await post(api, "login", email=email.upper(), password=PASSWORD)
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["retry-after"]) <= settings.security_throttle.window_seconds
