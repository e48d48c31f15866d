"""Serves the pages `/docs` (Swagger UI) and `/redoc`, and the files that they load."""

import re
from base64 import b64encode
from hashlib import sha256
from html import escape

from fastapi import FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.staticfiles import StaticFiles
from starlette.responses import HTMLResponse

ICON = "docs/fastapi/favicon.png"
OPENAPI = "openapi.json"
INLINE_SCRIPT = re.compile(rb"<script>(.+?)</script>", re.DOTALL)
# Both create inline styles. ReDoc searches in a worker. Swagger UI has icons in its style sheet.
POLICY = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data:; script-src 'self' {};"
    " style-src 'self' 'unsafe-inline'; worker-src blob:;"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def add_documentation(app: FastAPI) -> None:
    """Serve both pages and their files. URLs are relative, because a proxy may add a prefix."""
    swagger_ui = get_swagger_ui_html(
        openapi_url=OPENAPI,
        title=escape(app.title),
        swagger_js_url="docs/swagger/swagger-ui-bundle.js",
        swagger_css_url="docs/swagger/swagger-ui.css",
        swagger_favicon_url=ICON,
    )
    redoc = get_redoc_html(
        openapi_url=OPENAPI,
        title=escape(app.title),
        redoc_js_url="redoc/redoc.standalone.js",
        redoc_favicon_url=ICON,
        with_google_fonts=False,
    )
    _add_page(app, "/docs", swagger_ui, assets="static")
    _add_page(app, "/redoc", redoc, assets="static/redoc")


def _add_page(app: FastAPI, path: str, page: HTMLResponse, assets: str) -> None:
    """Serve a page with a policy that allows its own scripts and no others."""
    scripts = (sha256(script).digest() for script in INLINE_SCRIPT.findall(bytes(page.body)))
    allowed = " ".join(f"'sha256-{b64encode(script).decode()}'" for script in scripts)
    page.headers["Content-Security-Policy"] = POLICY.format(allowed)

    async def show() -> HTMLResponse:
        return page

    app.add_api_route(path, show, include_in_schema=False)
    app.mount(path, StaticFiles(packages=[("fastapi_standalone_docs", assets)]))
