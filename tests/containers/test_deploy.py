"""`make deploy` and `make rollback`, as docs/deployment.md describes them, with steps that fail."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import TYPE_CHECKING

import httpx2
import pytest

from tests.containers.stack import PRODUCTION, PROXY, VARIANTS, Stack, docker
from tests.containers.test_scale import Load
from tools.common.environment import service_environment
from tools.common.waiting import eventually
from tools.documents.page import Page, Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Render

APIS = 2
WORKERS = 2
FAILING = '''"""A migration that fails."""

from alembic import op

revision = "bad"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SELECT no_such_column FROM users")


def downgrade() -> None:
    pass
'''


class Operator:
    """A person who deploys a stack with the commands of docs/deployment.md."""

    def __init__(self, stack: Stack, files: tuple[str, ...]) -> None:
        """Write the settings of production into `.env`."""
        self.stack = stack
        stack.files = files
        self.page = Page(stack.folder / "docs/deployment.md")
        env = stack.folder / ".env"
        text = env.read_text(encoding="utf-8")
        text = text.replace("APP_ENVIRONMENT=development", "APP_ENVIRONMENT=production")
        settings = {
            "COMPOSE_FILE": ":".join(files),
            "APP_REPLICAS": str(APIS),
            "WORKER_REPLICAS": str(WORKERS),
        }
        text += "".join(f"{name}={value}\n" for name, value in settings.items())
        env.write_text(text, encoding="utf-8")

    def deploy(self, *, exit_code: int = 0) -> str:
        """Play the block of "Deploy a version". `make` exits with 2 if the script fails."""
        return self._play("Deploy a version", exit_code)

    def roll_back(self) -> None:
        """Play the block of "Roll back"."""
        self._play("Roll back", 0)

    def reload_proxy(self) -> None:
        """Play the command after a change of `proxy/haproxy.cfg`."""
        self._play("With Docker Compose on one machine", 0, number=4)

    def _play(self, heading: str, exit_code: int, number: int = 1) -> str:
        environment = service_environment({"APP_PORT": str(self.stack.port)})
        reader = Reader(self.stack.folder, environment)
        return self.page.play(reader, heading, number, exit_code=exit_code)

    def containers(self) -> set[str]:
        """Return the ids of all containers of the service."""
        services = ("micro_service", "consume_worker", "migrate")
        return {it for service in services for it in self.stack.containers(service)}

    def serving(self) -> set[str]:
        """Return the ids of the APIs and workers."""
        return {
            it
            for service in ("micro_service", "consume_worker")
            for it in self.stack.containers(service)
        }

    def tags(self) -> set[str]:
        """Return the tags of the images that the APIs and the workers run."""
        images = (docker("inspect", "-f", "{{.Config.Image}}", it) for it in self.serving())
        return {image.rpartition(":")[2] for image in images}


def start(render: Render, files: tuple[str, ...]) -> Operator:
    """Render the default service, and deploy its first version."""
    variant = VARIANTS[0]
    stack = Stack(render(project_slug=f"deploy-{secrets.token_hex(3)}"), variant)
    operator = Operator(stack, files)
    operator.deploy()
    return operator


@pytest.fixture(scope="module")
def proxied(render: Render, haproxy: None) -> Iterator[Operator]:  # noqa: ARG001 -- the image
    """A first version behind the proxy."""
    operator = start(render, PROXY)
    yield operator
    operator.stack.down()


@pytest.fixture(scope="module")
def single(render: Render) -> Iterator[Operator]:
    """A first version without the proxy."""
    operator = start(render, PRODUCTION)
    yield operator
    operator.stack.down()


def under_load(stack: Stack, work: Callable[[], object]) -> set[str]:
    """Do some work while clients register and read; return the outcomes of their requests."""
    load = Load(stack)
    asyncio.run(load.during_work(work))
    return set(load.answers)


def test_a_deploy_and_a_rollback_behind_the_proxy_fail_no_request(proxied: Operator) -> None:
    [first] = proxied.tags()
    before = proxied.serving()
    proxy = proxied.stack.containers("proxy")
    source = proxied.stack.folder / "src/main.py"
    source.write_text(source.read_text(encoding="utf-8") + "\n# a new version\n", encoding="utf-8")

    assert under_load(proxied.stack, proxied.deploy) == {"ok"}

    [second] = proxied.tags()
    assert second != first
    assert len(proxied.serving()) == APIS + WORKERS
    assert not proxied.serving() & before
    assert under_load(proxied.stack, proxied.roll_back) == {"ok"}
    assert proxied.tags() == {first}
    assert len(proxied.serving()) == APIS + WORKERS
    assert proxied.stack.containers("proxy") == proxy
    proxied.stack.settle()


def test_an_up_after_a_deploy_changes_no_container(proxied: Operator) -> None:
    before = proxied.serving()
    proxied.stack.compose("up", "--detach", "--wait")
    assert proxied.serving() == before


def test_a_change_of_the_proxys_file_is_read_without_a_failed_request(proxied: Operator) -> None:
    stack = proxied.stack
    file = stack.folder / "proxy/haproxy.cfg"
    text = file.read_text(encoding="utf-8")
    rule = "frontend api\n    bind :8000\n"
    assert rule in text
    live = f"{stack.url}/health/live"

    def reload(addition: str) -> None:
        file.write_text(text.replace(rule, f"{rule}    {addition}\n"), encoding="utf-8")
        proxied.reload_proxy()

    def reload_twice() -> None:
        reload("no such keyword")
        time.sleep(2)
        assert "x-changed" not in httpx2.get(live).headers
        reload("http-response set-header x-changed yes")
        eventually("the change holds", lambda: "x-changed" in httpx2.get(live).headers)

    assert under_load(stack, reload_twice) == {"ok"}
    file.write_text(text, encoding="utf-8")


def test_a_migration_that_fails_leaves_the_old_version_running(proxied: Operator) -> None:
    migration = proxied.stack.folder / "migrations/versions/2026_12_01_bad_fails.py"
    migration.write_text(FAILING, encoding="utf-8")
    assert_old_version_stays(proxied)
    migration.unlink()


@pytest.mark.parametrize("name", ["proxied", "single"])
def test_an_api_that_does_not_start_leaves_the_old_version_running(
    request: pytest.FixtureRequest, name: str
) -> None:
    operator: Operator = request.getfixturevalue(name)
    source = operator.stack.folder / "src/main.py"
    text = source.read_text(encoding="utf-8")
    source.write_text(f"{text}\nraise SystemExit('a fault')\n", encoding="utf-8")
    assert_old_version_stays(operator)
    source.write_text(text, encoding="utf-8")


def assert_old_version_stays(operator: Operator) -> None:
    """Deploy a version that must fail. The containers, the tags and the answers stay."""
    before = operator.serving()
    settings = operator.stack.settings
    assert "deploy: " in operator.deploy(exit_code=2)
    assert operator.serving() == before
    assert operator.stack.settings == settings
    assert httpx2.get(f"{operator.stack.url}/health/ready").status_code == 200
    assert operator.stack.register()


def test_without_the_proxy_a_deploy_replaces_the_api_and_all_workers(single: Operator) -> None:
    before = single.serving()
    [first] = single.tags()
    single.deploy()
    assert len(single.serving()) == 1 + WORKERS
    assert not single.serving() & before
    assert single.tags() != {first}
    single.roll_back()
    assert single.tags() == {first}
    assert single.stack.register()


def test_a_deploy_with_the_development_file_is_refused(single: Operator) -> None:
    env = single.stack.folder / ".env"
    text = env.read_text(encoding="utf-8")
    env.write_text(text.replace("COMPOSE_FILE=", "# COMPOSE_FILE="), encoding="utf-8")
    refused = single.deploy(exit_code=2)
    env.write_text(text, encoding="utf-8")
    assert "docker-compose.override.yml is for development" in refused
