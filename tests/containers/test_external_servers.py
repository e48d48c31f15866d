"""External servers as in production: encrypted connections only, and secrets in files."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
import trustme

from tests.containers.stack import PRODUCTION, docker
from tools.common.docker import docker as try_docker
from tools.common.errors import ToolError
from tools.common.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.containers.stack import Stack

OVERLAY = "docker-compose.tls.yml"
SERVERS = {"db": "POSTGRES", "redis": "REDIS", "rabbitmq": "RABBITMQ"}
RABBITMQ = """
listeners.tcp = none
listeners.ssl.default = 5672
ssl_options.certfile = /etc/rabbitmq/server.crt
ssl_options.keyfile = /etc/rabbitmq/server.key
"""


def make_certificates(folder: Path, *names: str) -> None:
    """Write a certificate for the servers' names, its authority, and an untrusted authority."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.crt")
    trustme.CA().cert_pem.write_to_path(folder / "untrusted.crt")
    server = authority.issue_cert(*names)
    server.private_key_pem.write_to_path(folder / "server.key")
    server.cert_chain_pems[0].write_to_path(folder / "server.crt")


def put(stack: Stack, service: str, source: Path, target: str, user: str) -> None:
    """Write a file into a container; only the given user can read it."""
    command = ("docker", "exec", "-i", "-u", user, stack.containers(service)[0], "sh", "-c")
    script = f"umask 077; cat > {target}"
    with source.open("rb") as content:
        subprocess.run((*command, script), stdin=content, check=True, timeout=30)


def encrypt_postgres(stack: Stack, folder: Path) -> None:
    """Enable TLS, and refuse connections without it."""
    data = stack.sql("SHOW data_directory")
    for name in ("server.crt", "server.key"):
        put(stack, "db", folder / name, f"{data}/{name}", "postgres")
    stack.shell("db", f"sed -i 's/^host /hostssl /' {data}/pg_hba.conf", "-u", "postgres")
    stack.sql("ALTER SYSTEM SET ssl = on")
    stack.sql("SELECT pg_reload_conf()")


def encrypt_redis(stack: Stack, folder: Path) -> None:
    """Accept only encrypted connections, on the usual port."""
    for name in ("server.crt", "server.key"):
        put(stack, "redis", folder / name, f"/tmp/{name}", "redis")  # noqa: S108 -- a tmpfs
    files = "tls-cert-file /tmp/server.crt tls-key-file /tmp/server.key"
    stack.shell("redis", f"redis-cli config set {files} tls-auth-clients no")
    stack.shell("redis", "redis-cli config set port 0 tls-port 6379")


def encrypt_rabbitmq(stack: Stack, folder: Path) -> None:
    """Accept only encrypted connections, on the usual port."""
    (folder / "tls.conf").write_text(RABBITMQ, encoding="utf-8")
    for name in ("server.crt", "server.key"):
        put(stack, "rabbitmq", folder / name, f"/etc/rabbitmq/{name}", "root")
        stack.shell("rabbitmq", f"chown rabbitmq /etc/rabbitmq/{name}", "-u", "root")
    put(stack, "rabbitmq", folder / "tls.conf", "/etc/rabbitmq/conf.d/90-tls.conf", "root")
    stack.shell("rabbitmq", "chown rabbitmq /etc/rabbitmq/conf.d/90-tls.conf", "-u", "root")
    stack.compose("restart", "rabbitmq")


ENCRYPT = {"db": encrypt_postgres, "redis": encrypt_redis, "rabbitmq": encrypt_rabbitmq}


def overlay(stack: Stack, folder: Path, authority: str) -> None:
    """Make the service trust an authority and read its secrets from files."""
    files = {name: folder / name.lower() for name in stack.secrets}
    for name, file in files.items():
        file.write_text(stack.secrets[name] + "\n", encoding="utf-8")
    files["CA"] = folder / f"{authority}.crt"
    trust = [f"{SERVERS[server]}_TLS_CA_FILE: /run/secrets/CA" for server in stack.variant.servers]
    read = [f"{name}_FILE: /run/secrets/{name}" for name in stack.secrets]
    # Wrong values in place of those from .env, so that only the files can work.
    wrong = [f"{name}: not-this-{'x' * 40}" for name in stack.secrets]
    environment = "\n".join(f"      {line}" for line in (*trust, *read, *wrong))
    service = f"    secrets: [{', '.join(files)}]\n    environment:\n{environment}\n"
    services = "".join(f"  {n}:\n{service}" for n in ("micro_service", "consume_worker", "migrate"))
    declared = "".join(f"  {name}: {{ file: {file} }}\n" for name, file in files.items())
    text = f"services:\n{services}secrets:\n{declared}"
    (stack.folder / OVERLAY).write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory, stack: Stack) -> Path:
    """A folder with certificates that containers can read."""
    folder = tmp_path_factory.mktemp("certificates")
    folder.chmod(0o755)
    make_certificates(folder, *stack.variant.servers)
    return folder


@pytest.fixture(scope="module")
def encrypted(stack: Stack, certificates: Path) -> Iterator[Stack]:
    """A stack with servers that refuse plain connections, and a service that trusts them."""
    stack.up(files=PRODUCTION)
    for server in stack.variant.servers:
        ENCRYPT[server](stack, certificates)
    overlay(stack, certificates, "ca")
    stack.files = (*PRODUCTION, OVERLAY)
    stack.compose("up", "--detach", "--no-deps", "migrate")
    stack.compose("up", "--detach", "--no-deps", "micro_service", "consume_worker")
    yield stack
    stack.files = PRODUCTION
    stack.compose("down", "--volumes")
    stack.registered.clear()


def is_ready(stack: Stack) -> bool:
    """Return whether all servers answer, as the API's readiness check reports it."""
    address = "http://127.0.0.1:8000/health/ready"
    script = f"import urllib.request as u; print(u.urlopen('{address}', timeout=5).read().decode())"
    api = stack.containers("micro_service")[0]
    done = try_docker("exec", api, "python", "-c", script, within=30)
    return done.returncode == 0 and "unavailable" not in done.stdout


def test_the_service_works_over_tls_with_its_secrets_in_files(
    encrypted: Stack,
) -> None:
    eventually("every server answers the API", lambda: is_ready(encrypted), within=120)
    assert encrypted.inspect("migrate")["State"]["ExitCode"] == 0
    assert encrypted.register()
    encrypted.settle()
    rows = encrypted.sql(
        "SELECT count(*) FILTER (WHERE s.ssl), count(*) FROM pg_stat_ssl s"
        " JOIN pg_stat_activity a USING (pid) WHERE a.client_addr <> '127.0.0.1'"
    )
    with_tls, all_connections = map(int, rows.split("|"))
    assert with_tls == all_connections > 0


def test_servers_with_a_certificate_of_an_untrusted_authority_are_refused(
    encrypted: Stack, certificates: Path
) -> None:
    overlay(encrypted, certificates, "untrusted")
    encrypted.compose("up", "--detach", "--no-deps", "--force-recreate", "micro_service")
    script = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8000/health/ready'))"
    api = encrypted.containers("micro_service")[0]
    eventually("the API is up", lambda: "Uvicorn running" in docker("logs", api), within=120)
    with pytest.raises(ToolError, match="503"):
        docker("exec", api, "python", "-c", script)
    logs = docker("logs", api)
    assert logs.count("CERTIFICATE_VERIFY_FAILED") >= len(encrypted.variant.servers)
