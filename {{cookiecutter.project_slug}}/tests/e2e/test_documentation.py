"""The API's own documentation."""

import re

import httpx2
import pytest

ROUTES = {
    ("post", "/api/v1/auth/register"): {"201", "409", "413", "422", "503"},
    ("post", "/api/v1/auth/login"): {"200", "401", "413", "422", "429", "503"},
    ("post", "/api/v1/auth/refresh"): {"200", "401", "413", "422", "503"},
    ("post", "/api/v1/auth/logout"): {"204", "401", "503"},
    ("get", "/api/v1/users/me"): {"200", "401", "503"},
    ("put", "/api/v1/users/me/password"): {"204", "401", "413", "422", "429", "503"},
    ("get", "/health/live"): {"200"},
    ("get", "/health/ready"): {"200", "503"},
}


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_the_documentation_can_be_read_in_a_browser(
    api: httpx2.AsyncClient, path: str
) -> None:
    response = await api.get(path)
    assert response.status_code == 200
    assert "openapi.json" in response.text


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_the_documentation_loads_nothing_from_elsewhere_and_may_not(
    api: httpx2.AsyncClient, path: str
) -> None:
    page = await api.get(path)
    addresses = re.findall(r'(?:src|href|spec-url)="([^"]+)"', page.text)
    assert len(addresses) >= 3
    for address in addresses:
        response = await api.get(page.url.join(address))
        assert response.url.host == page.url.host
        assert response.status_code == 200
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert "script-src 'self'" in policy
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]


async def test_every_route_is_documented_with_every_answer_it_gives(
    api: httpx2.AsyncClient,
) -> None:
    schema = (await api.get("/openapi.json")).json()
    documented = {
        (method, path): set(operation["responses"])
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
    }
    assert documented == ROUTES


async def test_every_refusal_is_documented_as_a_problem_and_every_route_has_a_description(
    api: httpx2.AsyncClient,
) -> None:
    schema = (await api.get("/openapi.json")).json()
    for method, path in ROUTES:
        operation = schema["paths"][path][method]
        assert operation["description"]
        for status, response in operation["responses"].items():
            if status.startswith("4"):
                assert list(response["content"]) == ["application/problem+json"]
