"""Closing an account."""

from dataclasses import dataclass

import structlog

from src.domain.user import normalise_email
from src.usecases.errors import NotFoundDatabaseError, UnavailableError
from src.usecases.ports.cache import ReadThroughCache
from src.usecases.ports.unit_of_work import UnitOfWorkFactory

log = structlog.get_logger()


class CacheNotInvalidatedError(UnavailableError):
    """The account is closed, but cached sessions may be accepted until the cache's TTL ends."""

    def __init__(self) -> None:
        super().__init__(
            "The account is closed, but the cache does not answer from here, so its sessions may"
            " still be accepted for some minutes: see docs/cache.md."
        )


@dataclass(frozen=True)
class DeactivateUser:
    """Close an account: all its sessions end at once, and no login to it succeeds any more."""

    unit_of_work: UnitOfWorkFactory
    cache: ReadThroughCache

    async def execute(self, *, email: str) -> None:
        """Close the account. Closing it twice changes nothing.

        Raises `NotFoundDatabaseError`, or `CacheNotInvalidatedError` after the account is closed.
        """
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
        try:
            await self.cache.check()
        except UnavailableError as error:
            raise CacheNotInvalidatedError from error
