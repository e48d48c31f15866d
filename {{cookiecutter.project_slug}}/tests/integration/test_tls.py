"""Encrypted connections, to the run's own servers with encryption in front of them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import punq
import pytest
import trustme

from src.config import Settings
from src.container import build_container, open_resources
from src.repositories.db.notify import OutboxListener
from src.usecases.check_readiness import CheckReadiness
from tests.support.service import servers_of
from tests.support.tls import certificate, encrypted


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@asynccontextmanager
async def connecting(
    settings: Settings, certified: trustme.CA, name: str, trusted: Path
) -> AsyncIterator[punq.Container]:
    """Have the service's parts that trust an authority, and servers that another may certify."""
    context, groups = certificate(certified, name), {}
    async with AsyncExitStack() as stack:
        for server in servers_of(settings):
            group = getattr(settings, server)
            front = encrypted(group.host, group.port, context, on_request=server == "postgres")
            port = await stack.enter_async_context(front)
            here = {"host": "localhost", "port": port, "tls_ca_file": trusted}
            groups[server] = group.model_copy(update=here)
        container = build_container(settings.model_copy(update=groups))
        await stack.enter_async_context(open_resources(container))
        yield container


async def test_servers_with_a_certificate_that_is_trusted_are_used(
    settings: Settings, authority: trustme.CA, tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    async with connecting(settings, authority, "localhost", tmp_path / "ca.pem") as container:
        readiness = await container.resolve(CheckReadiness).execute()
        assert readiness.answers == dict.fromkeys(servers_of(settings), True)
        listener = container.resolve(OutboxListener)
        await listener.wait(0.1)
        assert listener._connection is not None


@pytest.mark.parametrize("fault", ["of a stranger", "for another name"])
async def test_servers_are_not_used_with_a_certificate(
    settings: Settings, authority: trustme.CA, tmp_path: Path, fault: str
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certified = trustme.CA() if fault == "of a stranger" else authority
    name = "example.com" if fault == "for another name" else "localhost"
    async with connecting(settings, certified, name, tmp_path / "ca.pem") as container:
        readiness = await container.resolve(CheckReadiness).execute()
        assert readiness.answers == dict.fromkeys(servers_of(settings), False)
        listener = container.resolve(OutboxListener)
        await listener.wait(0.1)
        assert listener._connection is None
