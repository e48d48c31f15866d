"""A PgBouncer in transaction mode in front of the PostgreSQL of a run."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tools.common.machine import free_port, last_lines
from tools.common.processes import Account, start_logged
from tools.common.waiting import eventually
from tools.servers.packages import program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.servers.running import Servers

INI = """\
[databases]
* = host={host} port={postgres_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {users}
pool_mode = transaction
default_pool_size = {size}
{options}
"""


@contextmanager
def running_pgbouncer(
    servers: Servers, user: str, password: str, *, size: int = 2, options: str = ""
) -> Iterator[int]:
    """Run PgBouncer for a user of the run's PostgreSQL, and return its port.

    It has `size` connections for each database, which its clients share. `options` are lines of its
    configuration.
    """
    postgres = servers.postgres.address.environment()
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="pgbouncer-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PgBouncer refuses to run as root
        users = folder / "users.txt"
        users.write_text(f'"{user}" "{password}"\n')
        ini = folder / "pgbouncer.ini"
        host = postgres["POSTGRES_HOST"]
        ini.write_text(
            INI.format(
                host=host,
                postgres_port=postgres["POSTGRES_PORT"],
                port=port,
                users=users,
                size=size,
                options=options,
            )
        )
        log = folder / "log"
        process = start_logged(
            (program("pgbouncer", print), str(ini)),
            log,
            cwd=folder,
            environment=os.environ,
            account=_account(),
        )
        servers.reaper.process(process, signal.SIGKILL)
        try:

            def answers() -> bool:
                assert process.poll() is None, last_lines(log)
                with socket.socket() as client:
                    return client.connect_ex(("127.0.0.1", port)) == 0

            eventually("PgBouncer listens", answers)
            yield port
        finally:
            process.kill()
            process.wait()
            servers.reaper.forget_process(process)


def _account() -> Account | None:
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)
