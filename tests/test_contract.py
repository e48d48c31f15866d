"""The running service conforms to its OpenAPI description under requests from schemathesis."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tools.common.console import Console
from tools.common.processes import try_run
from tools.demo.service import Service
from tools.servers.namespace import Namespace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Render
    from tools.servers.running import Servers

HOOKS = Path(__file__).with_name("contract_session.py")
SECONDS = 20
SETTINGS = {
    # Cheap hashes, because each authenticated request logs in first.
    "SECURITY_HASHING_MEMORY_KIB": "64",
    "SECURITY_HASHING_PASSES": "1",
    # All attempts come from one address, and most are for one account.
    "SECURITY_THROTTLE_PER_ADDRESS": "1000000",
    "SECURITY_THROTTLE_PER_ACCOUNT": "1000000",
    "SECURITY_THROTTLE_PER_ACCOUNT_AND_ADDRESS": "1000000",
}


@pytest.fixture(scope="module")
def service(render: Render, servers: Servers) -> Iterator[Service]:
    """The default service, running on real servers."""
    console = Console()
    service = Service(render(), servers.reaper)
    namespace = Namespace(servers.environment())
    asyncio.run(namespace.create())
    service.configure({**namespace.settings, **SETTINGS})
    try:
        service.run(console, "set it up", "make", "setup")
        service.run(console, "migrate", str(service.bin / "alembic"), "upgrade", "head")
        with console.step("start it") as step:
            service.start(step)
        yield service
    finally:
        service.end()
        asyncio.run(namespace.remove())


@pytest.mark.timeout(600)
@pytest.mark.parametrize("session", ["", "yes"], ids=["without a session", "with a session"])
def test_no_generated_request_makes_the_service_fail_or_violate_its_openapi_description(
    service: Service, session: str, tmp_path: Path
) -> None:
    """All phases and all checks. Most time goes to random requests and to sequences of them."""
    schemathesis = shutil.which("st", path=str(Path(sys.executable).parent))
    assert schemathesis
    done = try_run(
        *(schemathesis, "run", f"{service.url}/openapi.json", "--checks", "all"),
        *("--max-time", str(SECONDS), "--no-color", "--generation-database", "none"),
        cwd=tmp_path,
        environment={
            **os.environ,
            "CONTRACT_URL": service.url,
            "CONTRACT_SESSION": session,
            "SCHEMATHESIS_HOOKS": str(HOOKS),
        },
    )
    print(done.stdout)  # noqa: T201 -- pytest shows it when the test fails
    assert done.returncode == 0
    # Without links in the schema, for example, there would be no stateful phase.
    for phase in ("Examples", "Coverage", "Fuzzing", "Stateful"):
        assert f"✅ {phase}" in done.stdout
    assert "unhandled_error" not in service.log("api").read_text()
