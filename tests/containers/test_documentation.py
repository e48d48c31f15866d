"""`/docs` and `/redoc` in Chromium, which can reach this service only."""

from __future__ import annotations

import json
import os
import secrets
from typing import TYPE_CHECKING

import pytest

from tests.browser import console_messages, find, log, open_browser, register_and_read_me
from tests.conftest import ROOT
from tests.containers.stack import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selenium.webdriver import Chrome

    from tests.containers.stack import Stack

# SCREENSHOTS=docs/images writes the pictures that the README shows.
SCREENSHOTS = os.environ.get("SCREENSHOTS")


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    """A browser for all tests of this module."""
    with open_browser() as browser:
        yield browser


def hosts(browser: Chrome) -> set[str]:
    """Return the hosts that got a request."""
    messages = [json.loads(entry["message"])["message"] for entry in log(browser, "performance")]
    sent = [
        m["params"]["request"]["url"]
        for m in messages
        if m["method"] == "Network.requestWillBeSent"
    ]
    return {url.split("/")[2] for url in sent if url.startswith("http")}


def take_screenshot(browser: Chrome, name: str) -> None:
    """Save a picture for the README, if SCREENSHOTS is set."""
    if SCREENSHOTS:
        folder = ROOT / SCREENSHOTS
        folder.mkdir(parents=True, exist_ok=True)
        browser.save_screenshot(str(folder / name))


def test_a_user_can_register_authorise_and_read_me_in_swagger_ui(
    production: Stack, browser: Chrome
) -> None:
    browser.get(f"{production.url}/docs")
    find(browser, ".opblock")
    take_screenshot(browser, "docs.png")
    account = {"email": f"{secrets.token_hex(6)}@example.com", "password": PASSWORD}
    register_and_read_me(browser, account)
    assert hosts(browser) == {f"127.0.0.1:{production.port}"}


def test_redoc_renders_and_its_search_finds_an_operation(
    production: Stack, browser: Chrome
) -> None:
    browser.get(f"{production.url}/redoc")
    find(browser, "h1")
    take_screenshot(browser, "redoc.png")
    find(browser, "input[role=search], .search-input").send_keys("password")
    find(browser, "[data-role='search:results'] label")
    assert not console_messages(browser)
    assert hosts(browser) == {f"127.0.0.1:{production.port}"}


def test_the_content_security_policy_blocks_foreign_scripts(
    production: Stack, browser: Chrome
) -> None:
    browser.get(f"{production.url}/docs")
    browser.execute_script(
        "const s = document.createElement('script'); s.textContent = 'window.foreign = 1';"
        "document.body.append(s)"
    )
    assert browser.execute_script("return window.foreign") is None
    assert [text for text in console_messages(browser) if "Content Security Policy" in text]
