"""Opening an account."""

from dataclasses import dataclass

from src.domain.user import User, UserProfile, normalise_email
from src.usecases.ports.clock import Clock
from src.usecases.ports.passwords import PasswordHasher, PasswordPolicy
from src.usecases.ports.unit_of_work import UnitOfWorkFactory


@dataclass(frozen=True, kw_only=True, slots=True)
class RegisterUserCommand:
    """What opens an account."""

    email: str
    password: str


class RegisterUser:
    """Open an account with an email address that no other account has.

    The password must satisfy the password policy; only its hash is kept. A welcome follows, sent by
    the worker.
    """

    def __init__(
        self,
        unit_of_work: UnitOfWorkFactory,
        policy: PasswordPolicy,
        hasher: PasswordHasher,
        clock: Clock,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._policy = policy
        self._hasher = hasher
        self._clock = clock

    async def execute(self, command: RegisterUserCommand) -> UserProfile:
        """Return the new user, or raise `WeakPasswordError` or `EmailTakenError`."""
        self._policy.check(command.password)
        # Hashed before the transaction begins: it takes longer than everything else together.
        password_hash = await self._hasher.hash(command.password)
        user = User.register(
            email=normalise_email(command.email), password_hash=password_hash, now=self._clock()
        )
        async with self._unit_of_work() as uow:
            await uow.users.create_user(user)
            await uow.commit()
        return user.profile
