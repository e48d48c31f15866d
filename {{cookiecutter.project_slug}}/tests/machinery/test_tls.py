"""Encrypted connections to the run's own servers, behind a proxy that ends the encryption."""

import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from ssl import SSLContext

import punq
import pytest
import trustme
from structlog.testing import capture_logs
from structlog.typing import EventDict

from src.container import build_container, open_resources
from src.repositories.outbox.notify import OutboxListener
from src.usecases.operations.check_readiness import CheckReadiness
from src.utils.server_settings import ServerSettings
from src.utils.settings import ROOT, Settings
from src.utils.tls import explain
from tests.support.environment import Environment, refusal
from tests.support.service import servers_of
from tests.support.tls import certificate, encrypted

WITHOUT_EXTENSIONS = """
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=Private authority" \\
    -config /dev/null -keyout ca.key -out ca.pem
openssl req -newkey rsa:2048 -nodes -subj "/CN=db.internal.example" -config /dev/null \\
    -keyout server.key -out server.csr
echo "subjectAltName=DNS:db.internal.example" > server.ext
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 \\
    -extfile server.ext -out server.pem
"""
"""What many guides say. OpenSSL adds neither the key usage nor the authority's identifier."""


def recipe() -> str:
    """Return the documented commands."""
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    section = page.split("#### A private authority\n")[1].split("\n#")[0]
    return "\n".join(line[4:] for line in section.splitlines() if line.startswith("    "))


def run(commands: str, folder: Path) -> None:
    """Run commands in a shell."""
    subprocess.run(["bash", "-ec", commands], cwd=folder, check=True, capture_output=True)  # noqa: S603, S607


def openssl_certificate(folder: Path) -> SSLContext:
    """Return the TLS context of a server with the certificate that the commands created."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    return context


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@asynccontextmanager
async def connecting(
    settings: Settings, context: SSLContext, trusted: Path, server_name: str = ""
) -> AsyncIterator[punq.Container]:
    """Build the service's parts with encrypted servers, which have the certificate of `context`.

    `trusted` is the file of the authority that the service trusts.
    """
    groups: list[ServerSettings] = []
    async with AsyncExitStack() as stack:
        for server, group in servers_of(settings).items():
            front = encrypted(group.host, group.port, context, on_request=server == "postgres")
            port = await stack.enter_async_context(front)
            here = {"host": "localhost", "port": port, "tls_ca_file": trusted}
            update = {**here, "tls_server_name": server_name}
            groups.append(group.model_copy(update=update))
        container = build_container(settings.replace(*groups))
        await stack.enter_async_context(open_resources(container))
        yield container


async def states_of(container: punq.Container) -> set[str]:
    """Return the states of the servers, and let the listener connect."""
    await container.resolve(OutboxListener).wait(0.1)
    readiness = await container.resolve(CheckReadiness).execute()
    return {*readiness.states.values()}


@pytest.mark.parametrize("server_name", ["", "db.internal.example"])
async def test_servers_with_a_trusted_certificate_are_used(
    settings: Settings, authority: trustme.CA, tmp_path: Path, server_name: str
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = certificate(authority, server_name or "localhost")
    async with connecting(settings, context, tmp_path / "ca.pem", server_name) as container:
        assert await states_of(container) == {"ok"}
        assert container.resolve(OutboxListener)._connection is not None


@pytest.mark.parametrize(
    ("fault", "setting"),
    [
        ("of an unknown authority", "{}_TLS_CA_FILE"),
        ("for another name", "{}_TLS_SERVER_NAME"),
    ],
)
async def test_servers_are_refused_with_a_certificate_that_is(
    settings: Settings, authority: trustme.CA, tmp_path: Path, fault: str, setting: str
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certified = trustme.CA() if fault == "of an unknown authority" else authority
    name = "example.com" if fault == "for another name" else "localhost"
    with capture_logs() as lines:
        async with connecting(
            settings, certificate(certified, name), tmp_path / "ca.pem"
        ) as container:
            assert await states_of(container) == {"refused"}
            assert container.resolve(OutboxListener)._connection is None
    assert_refused(settings, lines, setting)


async def test_an_authority_by_the_documented_commands_is_accepted(
    settings: Settings, tmp_path: Path
) -> None:
    run(recipe(), tmp_path)
    context = openssl_certificate(tmp_path)
    name = "db.internal.example"
    async with connecting(settings, context, tmp_path / "ca.pem", name) as container:
        assert await states_of(container) == {"ok"}


async def test_an_authority_without_extensions_is_refused_on_every_python_and_explained(
    settings: Settings, tmp_path: Path
) -> None:
    run(WITHOUT_EXTENSIONS, tmp_path)
    with capture_logs() as lines:
        async with connecting(
            settings, openssl_certificate(tmp_path), tmp_path / "ca.pem", "db.internal.example"
        ) as container:
            assert await states_of(container) == {"refused"}
    assert_refused(settings, lines, "docs/deployment.md, A private authority")


def assert_refused(settings: Settings, lines: list[EventDict], advice: str) -> None:
    """Assert that each server has one line in the log, and that it has the advice."""
    servers = servers_of(settings)
    assert sorted(line["event"] for line in lines) == sorted(f"{name}_refused" for name in servers)
    for line in lines:
        name = line["event"].removesuffix("_refused").upper()
        assert line["log_level"] == "error"
        assert advice.format(name) in line["error"]


@pytest.mark.parametrize("cause", [None, ssl.SSLEOFError(), ConnectionResetError()])
def test_a_lost_connection_is_no_fault_of_the_settings(cause: Exception | None) -> None:
    error = OSError("lost")
    error.__cause__ = cause
    if cause:
        cause.__cause__ = error  # causes may form a circle
    assert explain(error, "POSTGRES") is None


def test_a_file_without_a_certificate_is_refused_by_its_variable(
    complete: Environment, tmp_path: Path
) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate")
    complete.set({}, POSTGRES_TLS_CA_FILE=str(tmp_path / "ca.pem"))
    assert "POSTGRES_TLS_CA_FILE: holds no certificate" in refusal()


def test_a_server_name_without_an_authority_is_refused(complete: Environment) -> None:
    complete.set({}, POSTGRES_TLS_SERVER_NAME="db.internal.example")
    assert "POSTGRES_TLS_SERVER_NAME: needs POSTGRES_TLS_CA_FILE" in refusal()
