"""Opening an account."""

from dataclasses import dataclass

from src.domain.user import User, normalise_email
from src.usecases.ports.password_hasher import PasswordHasher
from src.usecases.ports.unit_of_work import UnitOfWorkFactory


@dataclass(frozen=True)
class RegisterUser:
    """Open an account with an email address that no other account has.

    The password must not be short, common, or made of the address; only its hash is stored. The
    worker sends a welcome.
    """

    unit_of_work: UnitOfWorkFactory
    password_hasher: PasswordHasher

    async def execute(self, *, email: str, password: str) -> User:
        """Return the new user.

        Raises `WeakPasswordError`, `EmailTakenError` or `HashingBusyError`.
        """
        email = normalise_email(email)
        # Hashed before the transaction begins, because it takes longer than all the rest.
        password_hash = await self.password_hasher.hash(password, email)
        async with self.unit_of_work() as uow:
            user = User.register(email, password_hash, uow.now)
            await uow.users.create_user(user)
            await uow.commit()
        return user
