"""Which event runs which use case. To handle another: a file beside this one, and a line here."""

from src.consumers.dispatcher import Subscription
from src.consumers.user_registered import UserRegisteredV1
from src.usecases.welcome_user import WelcomeUser

SUBSCRIPTIONS: dict[str, Subscription] = {
    "user.registered.v1": Subscription(UserRegisteredV1, WelcomeUser),
}
