"""The operators' commands for the database: its owner, and the time limits of its sessions."""

from argparse import ArgumentParser, Namespace

import punq

from src.config import SERVICE, PostgresSettings
from src.repositories.postgres.engine import time_limits
from src.repositories.postgres.pooler import role_limits
from src.utils.settings import ROOT, load
from src.wiring import Command, Part, confirm


async def adopt_database(_: punq.Container, arguments: Namespace) -> str:
    """Make the database this service's, after a confirmation."""
    # Alembic serves operators only: the API and the worker do not load it.
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    from src.repositories.postgres.migrations.adoption import Adoption  # noqa: PLC0415
    from src.repositories.postgres.migrations.errors import MigrationError  # noqa: PLC0415

    postgres = load([PostgresSettings])[PostgresSettings]
    adoption = Adoption(
        url=postgres.direct_url or postgres.url,
        tls=postgres.tls,
        service=SERVICE,
        script=ScriptDirectory.from_config(Config(ROOT / "alembic.ini")),
    )
    owners = " and ".join(await adoption.owners()) or "no service"
    await confirm(
        f"give the database {postgres.db}, which belongs to {owners}, to {SERVICE}",
        is_confirmed=arguments.yes,
    )
    try:
        await adoption.adopt()
    except MigrationError as error:
        raise SystemExit(str(error)) from None
    return f"The database {postgres.db} belongs to {SERVICE}."


async def print_role_limits(_: punq.Container, __: Namespace) -> str:
    """Return the SQL that sets the time limits where a pooler drops them."""
    postgres = load([PostgresSettings])[PostgresSettings]
    return role_limits(postgres.user, postgres.db, time_limits())


def add_yes(parser: ArgumentParser) -> None:
    """Add the confirmation."""
    parser.add_argument("--yes", action="store_true", help="change it without asking")


part = Part(
    commands=(
        Command(
            name="adopt-database",
            help="make the database this service's, after a rename for example",
            run=adopt_database,
            add_arguments=add_yes,
        ),
        Command(
            name="role-limits",
            help="print the SQL for time limits, which a pooler needs",
            run=print_role_limits,
        ),
    ),
)
