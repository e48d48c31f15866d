"""Closing an account."""

from dataclasses import dataclass

import structlog

from src.usecases.accounts.email_address import parse_address
from src.usecases.errors import NotFoundDatabaseError, UnavailableError
from src.usecases.ports.cache import ReadThroughCache
from src.usecases.ports.unit_of_work import UnitOfWorkFactory

log = structlog.get_logger()


NOT_INVALIDATED = (
    "The account is closed, but the cache does not answer from here: its sessions may still be"
    " accepted until their cached state expires."
)


@dataclass(frozen=True)
class DeactivateUser:
    """Close an account: all its sessions end at once, and no login to it succeeds any more."""

    unit_of_work: UnitOfWorkFactory
    cache: ReadThroughCache

    async def execute(self, *, email: str) -> None:
        """Close the account. Closing it twice changes nothing.

        Raises `NotFoundDatabaseError`, `EmailNotValidError`, or `UnavailableError` if the cache
        does not answer.
        """
        async with self.unit_of_work() as uow:
            seen = await uow.users.load_user_by_email(parse_address(email).key)
            if seen is None:
                raise NotFoundDatabaseError("There is no user with this address.")
            user = await uow.users.load_user_for_update(seen.id)
            user.deactivate(uow.now)
            await uow.users.update_user_activity(user)
            await uow.sessions.revoke_sessions(user.id, uow.now)
            await uow.commit()
        log.info("user_deactivated", user_id=user.id)
        try:
            await self.cache.check()
        except UnavailableError as error:
            raise UnavailableError(NOT_INVALIDATED) from error
