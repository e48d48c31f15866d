"""The client's address: from the headers of trusted proxies, else from the connection."""

import pytest

from src.container import build_container
from src.domain.errors import AuthenticationError
from src.usecases.accounts.log_in import LogIn
from src.utils.settings import Settings
from src.wiring.accounts import ThrottleSettings
from tests.support.accounts import PASSWORD, post
from tests.support.service import serving
from tests.support.users import new_email

# A proxy appends the address that it sees. The client can forge all earlier ones.
FORGED = [("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-For", "198.51.100.7")]


class Recorder:
    """A login that fails and records the client's address."""

    def __init__(self) -> None:
        self.addresses: list[str] = []

    async def execute(self, *, address: str, **_: object) -> None:
        self.addresses.append(address)
        raise AuthenticationError


@pytest.mark.parametrize(
    ("trusted", "client"),
    [
        pytest.param("", "127.0.0.1", id="no trusted hop, as in the image"),
        pytest.param("192.0.2.1", "127.0.0.1", id="another hop"),
        pytest.param("127.0.0.1", "198.51.100.7", id="this hop"),
        pytest.param("127.0.0.0/8,198.51.100.0/24", "203.0.113.9", id="two hops"),
    ],
)
async def test_the_client_address_is_taken_from_trusted_hops_only(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, trusted: str, client: str
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", trusted)
    container = build_container(settings)
    recorder = Recorder()
    container.register(LogIn, instance=recorder)
    async with serving(container) as api:
        body = {"email": new_email(), "password": PASSWORD}
        await api.post("/api/v1/auth/login", json=body, headers=FORGED)
    assert recorder.addresses == [client]


async def test_a_forged_address_does_not_bypass_the_login_throttle(
    settings: Settings, cache_server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "")
    throttle = settings[ThrottleSettings]
    async with serving(build_container(settings)) as api:
        email = new_email()
        statuses = []
        for number in range(throttle.per_account_and_address + 1):
            headers = {"X-Forwarded-For": f"203.0.113.{number}", "X-Real-IP": f"192.0.2.{number}"}
            body = {"email": email, "password": PASSWORD}
            response = await api.post("/api/v1/auth/login", json=body, headers=headers)
            statuses.append(response.status_code)
        assert statuses == [401] * throttle.per_account_and_address + [429]
        refused = await post(api, "login", email=email.upper(), password=PASSWORD)
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["retry-after"]) <= throttle.window_seconds
