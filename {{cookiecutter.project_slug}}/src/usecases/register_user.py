"""Opening an account."""

from dataclasses import dataclass

from src.domain.user import User, normalise_email
from src.usecases.ports.security import Passwords
from src.usecases.ports.unit_of_work import UnitOfWorkFactory


@dataclass(frozen=True)
class RegisterUser:
    """Open an account with an email address that no other account has.

    The password must be neither short nor common, nor made of the address; only its hash is kept.
    A welcome follows, sent by the worker.
    """

    unit_of_work: UnitOfWorkFactory
    passwords: Passwords

    async def execute(self, *, email: str, password: str) -> User:
        """Return the new user.

        Raises `WeakPasswordError`, `EmailTakenError` or `HashingBusyError`.
        """
        # Hashed before the transaction begins: it takes longer than everything else together.
        email = normalise_email(email)
        password_hash = await self.passwords.hash(password, email)
        async with self.unit_of_work() as uow:
            user = User.register(email, password_hash, uow.now)
            await uow.users.create_user(user)
            await uow.commit()
        return user
