"""The API under a path prefix, behind an HAProxy that removes the prefix or leaves it."""

from __future__ import annotations

import re
import secrets
import signal
from typing import TYPE_CHECKING

import httpx2
import pytest

from tests.browser import find, open_browser, register_and_read_me
from tests.resilience.runner import administer
from tools.common.environment import service_environment
from tools.common.machine import free_port, last_lines
from tools.common.processes import run_in_service, start_logged
from tools.common.waiting import eventually
from tools.servers.packages import program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selenium.webdriver import Chrome

    from tests.conftest import Render
    from tools.common.processes import Child
    from tools.servers.running import Servers

PREFIX = "/users-api"
REMOVES = f"http-request replace-path {PREFIX}(/.*) \\1"
CONFIGURATION = """
global
    log stdout format raw local0 notice
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend removes
    bind 127.0.0.1:{removes}
    http-request deny deny_status 404 unless {{ path_beg {prefix}/ }}
    {rule}
    default_backend api
frontend leaves
    bind 127.0.0.1:{leaves}
    http-request deny deny_status 404 unless {{ path_beg {prefix}/ }}
    default_backend api
backend api
    server api 127.0.0.1:{api}
"""
ACCOUNT_PASSWORD = secrets.token_hex(16)


class Processes:
    """Programs that end with the module, each with a log."""

    def __init__(self, servers: Servers, logs: Path) -> None:
        """Write the logs into this folder."""
        self._servers = servers
        self._logs = logs
        self._children: list[Child] = []

    def start(self, name: str, url: str, *words: str, cwd: Path, **settings: str) -> None:
        """Start a program, and wait until it answers at an address."""
        log = self._logs / f"{name}.log"
        child = start_logged(words, log, cwd=cwd, environment=service_environment(settings))
        self._servers.reaper.process(child, signal.SIGKILL)
        self._children.append(child)

        def answers() -> bool:
            assert child.poll() is None, last_lines(log)
            try:
                return httpx2.get(url).status_code == 200
            except httpx2.TransportError:
                return False

        eventually(f"{name} answers", answers)

    def end(self) -> None:
        """End all programs."""
        for child in self._children:
            child.kill()
            child.wait()
            self._servers.reaper.forget_process(child)


@pytest.fixture(scope="module")
def ports(
    render: Render, servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, int]]:
    """The ports of an API with a prefix, and of two proxies in front of it."""
    service = render(use_redis=False, use_rabbitmq=False)
    run_in_service(service, "make", "setup")
    python = service / ".venv/bin/python"
    database = f"prefix_{secrets.token_hex(4)}"
    administer(servers, f"CREATE DATABASE {database}")
    settings = {**servers.environment(), "POSTGRES_DB": database, "APP_ROOT_PATH": PREFIX}
    run_in_service(service, python, "-m", "alembic", "upgrade", "head", **settings)
    folder = tmp_path_factory.mktemp("prefix")
    ports = {name: free_port() for name in ("api", "removes", "leaves")}
    processes = Processes(servers, folder)
    uvicorn = (str(python), "-m", "uvicorn", "src.main:app", "--port", str(ports["api"]))
    url = f"http://127.0.0.1:{ports['api']}/health/live"
    processes.start("api", url, *uvicorn, cwd=service, **settings)
    file = folder / "haproxy.cfg"
    file.write_text(CONFIGURATION.format(prefix=PREFIX, rule=REMOVES, **ports))
    url = f"http://127.0.0.1:{ports['leaves']}{PREFIX}/health/live"
    processes.start("haproxy", url, program("haproxy", print), "-f", str(file), cwd=folder)
    yield ports
    processes.end()
    administer(servers, f"DROP DATABASE {database} WITH (FORCE)")


@pytest.fixture(params=["removes", "leaves"])
def url(request: pytest.FixtureRequest, ports: dict[str, int]) -> str:
    """The address of the API at a proxy that removes the prefix, or leaves it."""
    return f"http://127.0.0.1:{ports[request.param]}{PREFIX}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    """A browser for all tests of this module."""
    with open_browser() as browser:
        yield browser


def new_account() -> dict[str, str]:
    """Return the address and password of an account that does not exist yet."""
    return {"email": f"{secrets.token_hex(6)}@example.com", "password": ACCOUNT_PASSWORD}


def test_no_cache_may_store_an_answer_with_tokens(url: str) -> None:
    account = new_account()
    httpx2.post(f"{url}/api/v1/auth/register", json=account).raise_for_status()

    answer = httpx2.post(f"{url}/api/v1/auth/login", json=account)

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"


def test_every_address_of_the_documentation_is_served_under_the_prefix(url: str) -> None:
    document = httpx2.get(f"{url}/openapi.json").json()
    assert document["servers"] == [{"url": PREFIX}]
    for page in ("docs", "redoc"):
        html = httpx2.get(f"{url}/{page}")
        addresses = re.findall(r'(?:src|href|spec-url)="([^"]+)"|url: \'([^\']+)\'', html.text)
        assert len(addresses) >= 3
        for address in addresses:
            target = html.url.join("".join(address))
            assert str(target).startswith(f"{url}/")
            assert httpx2.get(target).status_code == 200


def test_head_answers_as_get_through_a_proxy(url: str) -> None:
    for path in ("health/live", "docs", "openapi.json", "docs/swagger/swagger-ui.css"):
        get = httpx2.get(f"{url}/{path}")
        head = httpx2.head(f"{url}/{path}")
        assert head.status_code == 200
        assert head.headers["content-length"] == get.headers["content-length"]
        assert not head.content


def test_a_browser_executes_the_operations_of_swagger_ui(url: str, browser: Chrome) -> None:
    browser.get(f"{url}/docs")

    register_and_read_me(browser, new_account())


def test_a_browser_shows_redoc(url: str, browser: Chrome) -> None:
    browser.get(f"{url}/redoc")

    find(browser, "h1")
