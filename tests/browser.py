"""Chromium, which can reach this machine only, and the actions of a reader of Swagger UI."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.support.expected_conditions import presence_of_element_located
from selenium.webdriver.support.wait import WebDriverWait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selenium.webdriver.remote.webelement import WebElement

TIMEOUT = 30
BODY = "textarea.body-param__text"


@contextmanager
def open_browser() -> Iterator[Chrome]:
    """Start a headless Chromium that can resolve no host but this machine."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("no browser here: install chromium and chromium-driver")
    options = ChromeOptions()
    options.binary_location = chromium
    for argument in (
        "headless",
        "no-sandbox",  # root cannot have a sandbox
        "disable-dev-shm-usage",
        "window-size=1100,760",
        "host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with Chrome(options, ChromeService(driver)) as browser:
        yield browser


def find(browser: Chrome, selector: str) -> WebElement:
    """Wait for an element and return it."""
    condition = presence_of_element_located((By.CSS_SELECTOR, selector))
    return WebDriverWait(browser, TIMEOUT).until(condition, f"no element {selector}")


def click(browser: Chrome, selector: str) -> None:
    """Click an element, also one outside the visible part of the page."""
    browser.execute_script("arguments[0].click()", find(browser, selector))


def log(browser: Chrome, kind: str) -> list[dict[str, str]]:
    """Return the entries of a browser log since the last call."""
    entries: list[dict[str, str]] = browser.get_log(kind)  # type: ignore[no-untyped-call]
    return entries


def console_messages(browser: Chrome) -> list[str]:
    """Return the browser's console: refused scripts, missing files, errors."""
    return [entry["message"] for entry in log(browser, "browser")]


def execute(browser: Chrome, operation: str, body: dict[str, str] | None = None) -> str:
    """Execute an operation in Swagger UI and return the answer's status and text."""
    block = f"div.opblock[id$='{operation}']"
    click(browser, f"{block} .opblock-summary-control")
    click(browser, f"{block} .try-out__btn")
    if body is not None:
        area = find(browser, f"{block} {BODY}")
        area.clear()
        area.send_keys(json.dumps(body))
    click(browser, f"{block} .execute")
    row = f"{block} .live-responses-table tbody"
    status = find(browser, f"{row} .response-col_status").text
    answer = find(browser, f"{row} .response-col_description pre").text
    return f"{status} {answer}"


def operation(browser: Chrome, path: str) -> str:
    """Return the end of the id of an operation's block in Swagger UI."""
    block = "block => [block.querySelector('[data-path]').dataset.path, block.id]"
    script = f"return [...document.querySelectorAll('.opblock')].map({block})"
    find(browser, ".opblock")
    found: dict[str, str] = dict(browser.execute_script(script))
    return found[path]


def register_and_read_me(browser: Chrome, account: dict[str, str]) -> None:
    """Register, log in, authorise and read the user, each with Swagger UI on the open page."""
    answer = execute(browser, operation(browser, "/api/v1/auth/register"), account)
    assert answer.startswith("201")
    answer = execute(browser, operation(browser, "/api/v1/auth/login"), account)
    assert answer.startswith("200")
    token = answer.split('"access_token": "')[1].split('"')[0]
    click(browser, "button.authorize")
    find(browser, ".auth-container input").send_keys(token)
    click(browser, ".auth-container button[type=submit]")
    click(browser, ".auth-container .btn-done")
    answer = execute(browser, operation(browser, "/api/v1/users/me"))
    assert answer.startswith("200")
    assert account["email"] in answer
    assert not console_messages(browser)
