"""The API under a path prefix, whether the proxy removes the prefix or leaves it."""

from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from src.api.app import create_app
from src.utils.settings import SettingsError
from tests.unit.conftest import no_resources

PREFIX = "/users-api"


def behind(app: FastAPI, root_path: str) -> FastAPI:
    """Return the same API with a prefix."""
    container = app.state.container
    return create_app(
        container, no_resources, title="A", description="", version="1", root_path=root_path
    )


async def get(app: Any, path: str, root_path: str = "") -> httpx2.Response:
    """Send a request. `root_path` is the option of Uvicorn."""
    transport = httpx2.ASGITransport(app, root_path=root_path)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get(path)


@pytest.mark.parametrize("path", ["/api/v1/users/me", f"{PREFIX}/api/v1/users/me"])
async def test_no_cache_may_store_a_response_under_a_prefix(app: FastAPI, path: str) -> None:
    response = await get(behind(app, PREFIX), path)

    assert response.status_code == 401
    assert response.headers["cache-control"] == "no-store"


async def test_no_cache_may_store_a_response_under_the_prefix_of_uvicorn(app: FastAPI) -> None:
    # Uvicorn puts the prefix before each path.
    response = await get(app, f"{PREFIX}/api/v1/users/me", root_path=PREFIX)

    assert response.status_code == 401
    assert response.headers["cache-control"] == "no-store"


async def test_no_cache_may_store_a_response_of_a_mounted_application(app: FastAPI) -> None:
    app.mount("/api/v2", FastAPI())

    assert (await get(app, "/api/v2/nowhere")).headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/openapi.json", f"{PREFIX}/openapi.json"])
async def test_the_documentation_names_the_prefix_once(app: FastAPI, path: str) -> None:
    document = (await get(behind(app, PREFIX), path)).json()

    assert document.pop("servers") == [{"url": PREFIX}]
    assert document["paths"].keys() == (await get(app, "/openapi.json")).json()["paths"].keys()


@pytest.mark.parametrize("path", [f"{PREFIX}-of-others/health/live", PREFIX, "/users-apihealth"])
async def test_a_path_that_only_begins_like_the_prefix_is_unknown(app: FastAPI, path: str) -> None:
    assert (await get(behind(app, PREFIX), path)).status_code == 404


@pytest.mark.parametrize("prefix", ["/api", "/api/v1", "/health", "/docs", "/redoc"])
def test_a_prefix_that_is_the_beginning_of_a_path_is_refused(app: FastAPI, prefix: str) -> None:
    with pytest.raises(SettingsError, match=f"APP_ROOT_PATH: {prefix} is also the beginning of"):
        behind(app, prefix)


async def test_a_prefix_may_share_its_first_part_with_a_path(app: FastAPI) -> None:
    behind_gateway = behind(app, "/api/users")

    for path in ("/health/live", "/api/users/health/live"):
        assert (await get(behind_gateway, path)).status_code == 200
    for path in ("/api/v1/users/me", "/api/users/api/v1/users/me"):
        assert (await get(behind_gateway, path)).status_code == 401
