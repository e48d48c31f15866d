"""The running service keeps to its own OpenAPI description, whatever schemathesis thinks of."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tools.console import Console
from tools.namespace import Namespace
from tools.servers import running_servers
from tools.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Render

HOOKS = Path(__file__).with_name("contract_session.py")
SECONDS = 40
SETTINGS = {
    # Cheap, because each authenticated request logs in first.
    "SECURITY_HASHING_MEMORY_KIB": "64",
    "SECURITY_HASHING_PASSES": "1",
    # It guesses from one address, and at the one account it knows of: without end.
    "SECURITY_THROTTLE_PER_ADDRESS": "1000000",
    "SECURITY_THROTTLE_PER_ACCOUNT": "1000000",
    "SECURITY_THROTTLE_PER_ACCOUNT_AND_ADDRESS": "1000000",
}


@pytest.fixture(scope="module")
def service(render: Render) -> Iterator[Service]:
    """Have the default service run on real servers."""
    console = Console()
    with running_servers() as servers:
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
def test_no_request_makes_the_service_fail_or_break_its_contract(
    service: Service, session: str, tmp_path: Path
) -> None:
    """All phases and all checks; the time is spent on random requests and on chains of them."""
    schemathesis = shutil.which("st", path=str(Path(sys.executable).parent))
    assert schemathesis
    done = subprocess.run(
        [
            *(schemathesis, "run", f"{service.url}/openapi.json", "--checks", "all"),
            *("--max-time", str(SECONDS), "--no-color", "--generation-database", "none"),
        ],
        cwd=tmp_path,
        env={
            **os.environ,
            "CONTRACT_URL": service.url,
            "CONTRACT_SESSION": session,
            "SCHEMATHESIS_HOOKS": str(HOOKS),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout, done.stderr)  # noqa: T201 -- pytest shows it when the test fails
    assert done.returncode == 0
    # Each phase has run: a schema without links, say, would have no stateful tests.
    for phase in ("Examples", "Coverage", "Fuzzing", "Stateful"):
        assert f"✅ {phase}" in done.stdout
    assert "unhandled_error" not in service.log("api").read_text()
