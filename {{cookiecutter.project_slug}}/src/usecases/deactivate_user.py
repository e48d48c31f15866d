"""Closing an account."""

from dataclasses import dataclass

import structlog

from src.domain.user import normalise_email
from src.usecases.ports.unit_of_work import UnitOfWorkFactory
from src.usecases.ports.users import NotFoundDatabaseError

log = structlog.get_logger()


@dataclass(frozen=True)
class DeactivateUser:
    """Close an account: all its sessions end at once, and nobody logs in to it any more."""

    unit_of_work: UnitOfWorkFactory

    async def execute(self, *, email: str) -> None:
        """Close it, or raise `NotFoundDatabaseError`. Closing it twice changes nothing."""
        async with self.unit_of_work() as uow:
            seen = await uow.users.load_user_by_email(normalise_email(email))
            if seen is None:
                raise NotFoundDatabaseError("There is no user with this address.")
            user = await uow.users.load_user_for_update(seen.id)
            user.deactivate(uow.now)
            await uow.users.update_user_activity(user)
            await uow.sessions.revoke_sessions(user.id, uow.now)
            await uow.commit()
        log.info("user_deactivated", user_id=user.id)
