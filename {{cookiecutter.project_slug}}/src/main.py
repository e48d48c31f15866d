"""The API: `uvicorn src.main:app`."""

import sys
import tomllib

from fastapi import FastAPI

from src.api.app import create_app
from src.config import SettingsError, load_settings
from src.container import build_container, open_resources
from src.settings import ROOT
from src.utils.logging import configure_logging


def build_app() -> FastAPI:
    """Return the application with everything in its place."""
    settings = load_settings()
    configure_logging(settings.app.log_level)
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return create_app(
        build_container(settings),
        open_resources,
        cors_origins=settings.app.cors_origins,
        openapi_url="/openapi.json" if settings.app.docs_enabled else None,
        title=pyproject["tool"]["service"]["title"],
        description=pyproject["project"]["description"],
        version=pyproject["project"]["version"],
    )


try:
    app = build_app()
except SettingsError as error:
    sys.exit(str(error))
