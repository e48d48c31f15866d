"""Logging out."""

from dataclasses import dataclass
from uuid import UUID

from src.usecases.ports.clock import Clock
from src.usecases.ports.unit_of_work import UnitOfWorkFactory


@dataclass(frozen=True, kw_only=True, slots=True)
class LogOutCommand:
    """The session to end."""

    session_id: UUID


class LogOut:
    """End this session at once: its access and refresh tokens are refused from now on."""

    def __init__(self, unit_of_work: UnitOfWorkFactory, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock

    async def execute(self, command: LogOutCommand) -> None:
        """End the session. One that is gone already is no error."""
        async with self._unit_of_work() as uow:
            session = await uow.sessions.load_session_for_update(command.session_id)
            if session is None:
                return
            session.revoke(self._clock())
            await uow.sessions.update_session(session)
            await uow.commit()
