"""Encrypted connections to the run's own servers, behind a proxy that ends the encryption."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import punq
import pytest
import trustme

from src.container import build_container, open_resources
from src.repositories.outbox.notify import OutboxListener
from src.usecases.operations.check_readiness import CheckReadiness
from src.utils.settings import ServerSettings, Settings
from tests.support.service import servers_of
from tests.support.tls import certificate, encrypted


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@asynccontextmanager
async def connecting(
    settings: Settings, certified: trustme.CA, name: str, trusted: Path
) -> AsyncIterator[punq.Container]:
    """Build the service's parts with encrypted servers.

    `certified` issues the certificates, and `trusted` is the file of the authority that the service
    trusts.
    """
    context = certificate(certified, name)
    groups: list[ServerSettings] = []
    async with AsyncExitStack() as stack:
        for server, group in servers_of(settings).items():
            front = encrypted(group.host, group.port, context, on_request=server == "postgres")
            port = await stack.enter_async_context(front)
            here = {"host": "localhost", "port": port, "tls_ca_file": trusted}
            groups.append(group.model_copy(update=here))
        container = build_container(settings.replace(*groups))
        await stack.enter_async_context(open_resources(container))
        yield container


async def test_servers_with_a_trusted_certificate_are_used(
    settings: Settings, authority: trustme.CA, tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    async with connecting(settings, authority, "localhost", tmp_path / "ca.pem") as container:
        readiness = await container.resolve(CheckReadiness).execute()
        assert readiness.states == dict.fromkeys(servers_of(settings), "ok")
        listener = container.resolve(OutboxListener)
        await listener.wait(0.1)
        assert listener._connection is not None


@pytest.mark.parametrize("fault", ["of an unknown authority", "for another name"])
async def test_servers_are_not_used_with_a_certificate_that_is(
    settings: Settings, authority: trustme.CA, tmp_path: Path, fault: str
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certified = trustme.CA() if fault == "of an unknown authority" else authority
    name = "example.com" if fault == "for another name" else "localhost"
    async with connecting(settings, certified, name, tmp_path / "ca.pem") as container:
        readiness = await container.resolve(CheckReadiness).execute()
        assert readiness.states == dict.fromkeys(servers_of(settings), "unavailable")
        listener = container.resolve(OutboxListener)
        await listener.wait(0.1)
        assert listener._connection is None
