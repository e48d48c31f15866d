"""Users of RabbitMQ with rights on some names only, as production gives them to a service."""

import secrets

from tools.servers.server import Server


def limited_user(rabbitmq: Server, names: str, *, readable: str = "") -> dict[str, str]:
    """Create a user, and return it under the names of the service's settings.

    The user may configure, write and read what begins with `names`, and read what begins with
    `readable`. Both are regular expressions.
    """
    user = f"limited-{secrets.token_hex(4)}"
    password = secrets.token_hex(12)
    own = f"^{names}"
    read = f"^({names}|{readable})" if readable else own
    vhost = rabbitmq.address.name
    rabbitmq.control("rabbitmqctl", "--quiet", "add_user", user, password)
    permissions = ("set_permissions", "--vhost", vhost, user, own, own, read)
    rabbitmq.control("rabbitmqctl", "--quiet", *permissions)
    return {"RABBITMQ_USER": user, "RABBITMQ_PASSWORD": password}
