"""Opening an account."""

from dataclasses import dataclass

from src.domain.user import User
from src.usecases.accounts.email_address import parse_address
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

        Raises `WeakPasswordError`, `EmailTakenError`, `EmailNotValidError` or `HashingBusyError`.
        """
        address = parse_address(email)
        # Hashed before the transaction begins, because it takes longer than all the rest.
        password_hash = await self.password_hasher.hash(password, address.typed)
        async with self.unit_of_work() as uow:
            user = User.register(
                email=address.typed,
                email_key=address.key,
                password_hash=password_hash,
                now=uow.now,
            )
            await uow.users.create_user(user)
            await uow.commit()
        return user
