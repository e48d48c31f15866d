"""The methods that a path allows."""

from starlette.requests import Request
from starlette.routing import Match, Mount

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def allowed_methods(request: Request) -> dict[str, str]:
    """Return the header `Allow` with all methods of the request's path.

    The framework names only those of the first route that matches the path.
    """
    scope = {key: request.scope[key] for key in ("type", "path", "root_path")}
    routes = [route for route in request.app.routes if not isinstance(route, Mount)]
    found = [
        method
        for method in METHODS
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in routes)
    ]
    found = found or ["GET"]  # the file of a mount
    head = ["HEAD"] if "GET" in found else []
    return {"Allow": ", ".join([*head, *found])}
