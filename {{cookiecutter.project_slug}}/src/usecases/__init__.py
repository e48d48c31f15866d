"""What can be done. The container makes each of these, with the ports that its fields name."""

from src.usecases.authenticate import Authenticate
from src.usecases.change_password import ChangePassword
from src.usecases.check_readiness import CheckReadiness
from src.usecases.deactivate_user import DeactivateUser
from src.usecases.keep_house import KeepHouse
from src.usecases.log_in import LogIn
from src.usecases.log_out import LogOut
from src.usecases.refresh_session import RefreshSession
from src.usecases.register_user import RegisterUser
from src.usecases.welcome_user import WelcomeUser

USE_CASES: tuple[type, ...] = (
    Authenticate,
    ChangePassword,
    CheckReadiness,
    DeactivateUser,
    KeepHouse,
    LogIn,
    LogOut,
    RefreshSession,
    RegisterUser,
    WelcomeUser,
)
