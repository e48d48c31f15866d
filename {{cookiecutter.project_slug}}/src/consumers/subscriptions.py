"""Which event runs which use case: event type → (model of its data, use case).

The use case is given `message_id` and the model's fields. To handle another event, add a file like
user_registered.py and a line here.
"""

from typing import Any

from pydantic import BaseModel

from src.consumers.user_registered import UserRegisteredV1
from src.usecases.welcome_user import WelcomeUser

SUBSCRIPTIONS: dict[str, tuple[type[BaseModel], type[Any]]] = {
    "user.registered.v1": (UserRegisteredV1, WelcomeUser),
}
