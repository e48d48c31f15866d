"""The pages with the API's documentation."""

import re

import httpx2
import pytest


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_a_browser_can_read_the_documentation(api: httpx2.AsyncClient, path: str) -> None:
    response = await api.get(path)
    assert response.status_code == 200
    assert "openapi.json" in response.text
    assert (await api.get("/openapi.json")).json()["openapi"].startswith("3.")


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_the_documentation_loads_all_its_files_from_the_service_and_may_load_no_others(
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
