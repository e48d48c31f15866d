"""Logging out."""

from dataclasses import dataclass
from uuid import UUID

import structlog

from src.usecases.ports.unit_of_work import UnitOfWorkFactory

log = structlog.get_logger()


@dataclass(frozen=True)
class LogOut:
    """End this session at once: its access and refresh tokens are refused from now on."""

    unit_of_work: UnitOfWorkFactory

    async def execute(self, *, session_id: UUID) -> None:
        """End the session. A session that does not exist is no error."""
        async with self.unit_of_work() as uow:
            session = await uow.sessions.load_session_for_update(session_id)
            if session is None:
                return
            session.revoke(uow.now)
            await uow.sessions.update_session(session)
            await uow.commit()
        log.info("logged_out", user_id=session.user_id)
