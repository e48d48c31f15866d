"""The API without servers: rules that hold for every operation of its documentation."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter, FastAPI

from src.api.app import create_app
from src.api.dependencies import current_principal
from src.api.middleware import MAX_BODY_BYTES
from tests.support.documentation import Operation, operations
from tests.support.problems import problem_of
from tests.unit.conftest import no_resources

PUBLIC = {"live", "ready", "register", "login", "refresh"}
"""The operations that need no access token."""
ORIGIN = "https://a.example"


@pytest.fixture
def documented(app: FastAPI) -> list[Operation]:
    """All operations."""
    return [*operations(app.openapi())]


@pytest.fixture
def with_body(app: FastAPI, documented: list[Operation]) -> list[Operation]:
    """The operations with a body. Each request to them is authenticated."""
    app.dependency_overrides[current_principal] = lambda: None
    return [operation for operation in documented if operation.has_body]


def references(schema: Any) -> Iterator[str]:
    """Return all references in a part of OpenAPI."""
    if isinstance(schema, dict):
        yield from (v for k, v in schema.items() if k == "$ref")
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from references(part)


def test_every_reference_in_the_documentation_has_a_target(app: FastAPI) -> None:
    document = app.openapi()

    for reference in references(document):
        target: Any = document
        for step in reference.removeprefix("#/").split("/"):
            assert step in target, reference
            target = target[step]


def test_every_operation_has_a_description_and_documents_its_problems(
    documented: list[Operation],
) -> None:
    for operation in documented:
        expected = {
            401: operation.is_protected,
            413: operation.has_body,
            422: operation.has_body,
            503: operation.path.startswith("/api/"),
        }
        required = {status for status, is_expected in expected.items() if is_expected}
        assert operation.description["description"], str(operation)
        assert required <= operation.statuses, f"{operation}: use problems(…)"


def test_every_documented_problem_has_the_media_type_of_problems(
    documented: list[Operation],
) -> None:
    for operation in documented:
        for status, response in operation.description["responses"].items():
            if status >= "400" and operation.path.startswith("/api/"):
                assert [*response["content"]] == ["application/problem+json"], str(operation)


def test_every_operation_but_the_public_ones_needs_an_access_token(
    documented: list[Operation],
) -> None:
    unprotected = {operation.id for operation in documented if not operation.is_protected}
    assert unprotected == PUBLIC, "add `principal: CurrentPrincipal`, or name it in PUBLIC"


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Basic YTpi", "Bearer a.b.c"])
async def test_every_protected_operation_refuses_a_request_without_a_valid_access_token(
    client: httpx2.AsyncClient, documented: list[Operation], authorization: str | None
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    for operation in documented:
        if operation.is_protected:
            response = await client.request(operation.method, operation.url, headers=headers)
            problem_of(response, 401, "unauthenticated")
            assert response.headers["www-authenticate"] == "Bearer"


async def test_every_path_answers_an_undocumented_method_with_a_problem(
    client: httpx2.AsyncClient, documented: list[Operation]
) -> None:
    for operation in documented:
        response = await client.request("TRACE", operation.url)
        problem_of(response, 405, "method-not-allowed")
        assert response.headers["allow"]


async def test_the_allow_header_names_all_methods_of_a_path(
    app: FastAPI, client: httpx2.AsyncClient
) -> None:
    router = APIRouter()
    for method in ("GET", "PUT", "DELETE"):
        router.add_api_route("/things", lambda: None, methods=[method])
    app.include_router(router)

    for path, allowed in (
        ("/things", "HEAD, GET, PUT, DELETE"),
        ("/api/v1/users/me", "HEAD, GET"),
        ("/api/v1/auth/login", "POST"),
        ("/docs/swagger/swagger-ui.css", "HEAD, GET"),
    ):
        response = await client.request("TRACE", path)
        problem_of(response, 405, "method-not-allowed")
        assert response.headers["allow"] == allowed


def test_the_documentation_does_not_repeat_get_as_head(documented: list[Operation]) -> None:
    assert "HEAD" not in {operation.method for operation in documented}


@pytest.mark.parametrize("path", ["/nowhere", "/api/v1/nowhere", "/health/live/"])
async def test_an_unknown_path_is_a_problem(client: httpx2.AsyncClient, path: str) -> None:
    problem_of(await client.get(path), 404, "not-found")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'{"undeclared": 1}'])
async def test_every_operation_answers_an_invalid_body_with_a_problem(
    client: httpx2.AsyncClient, with_body: list[Operation], body: bytes
) -> None:
    headers = {"Content-Type": "application/json"}
    for operation in with_body:
        response = await client.request(
            operation.method, operation.url, content=body, headers=headers
        )
        problem_of(response, 422, "invalid-request")


@pytest.mark.parametrize("has_length", [True, False], ids=["with a length", "in chunks"])
async def test_every_operation_answers_a_body_that_is_too_large_with_a_problem(
    client: httpx2.AsyncClient, with_body: list[Operation], has_length: bool
) -> None:
    async def chunks() -> Any:
        for _ in range(3):
            yield b"x" * (MAX_BODY_BYTES // 2)

    for operation in with_body:
        content = b"x" * (MAX_BODY_BYTES + 1) if has_length else chunks()
        response = await client.request(operation.method, operation.url, content=content)
        problem_of(response, 413, "content-too-large")


async def test_no_cache_may_store_a_response_of_the_api(
    client: httpx2.AsyncClient, documented: list[Operation]
) -> None:
    for path in {"/api/v1/nowhere", *(operation.url for operation in documented)}:
        if path.startswith("/api/"):
            assert (await client.get(path)).headers["cache-control"] == "no-store", path


@pytest.mark.parametrize("path", ["/health/live", "/docs", "/nowhere", "/api/v1/nowhere"])
async def test_every_response_forbids_a_browser_to_guess_its_type(
    client: httpx2.AsyncClient, path: str
) -> None:
    assert (await client.get(path)).headers["x-content-type-options"] == "nosniff"


def with_cors(app: FastAPI) -> FastAPI:
    """Return the same API for pages of an allowed origin."""
    container = app.state.container
    return create_app(
        container, no_resources, title="A", description="", version="1", cors_origins=[ORIGIN]
    )


async def test_a_page_of_an_allowed_origin_can_read_every_problem_and_its_request_id(
    app: FastAPI, documented: list[Operation]
) -> None:
    def fail() -> None:
        raise RuntimeError

    app = with_cors(app)
    app.dependency_overrides[current_principal] = fail
    [protected, *_] = [operation for operation in documented if operation.is_protected]
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        for method, path, status in (
            (protected.method, protected.url, 500),
            ("TRACE", protected.url, 405),
            ("GET", "/nowhere", 404),
        ):
            response = await client.request(method, path, headers={"Origin": ORIGIN})
            assert response.status_code == status
            assert response.headers["access-control-allow-origin"] == ORIGIN
            assert "X-Request-ID" in response.headers["access-control-expose-headers"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
async def test_a_page_of_an_allowed_origin_may_use_every_method(app: FastAPI, method: str) -> None:
    headers = {"Origin": ORIGIN, "Access-Control-Request-Method": method}
    transport = httpx2.ASGITransport(with_cors(app))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        response = await client.options("/health/live", headers=headers)
    assert response.status_code == 200
    assert method in response.headers["access-control-allow-methods"]
