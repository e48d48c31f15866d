"""The API: `uvicorn src.main:app`."""

import sys
import tomllib
from functools import partial

from fastapi import FastAPI

from src.api.app import ServiceInfo, create_app
from src.config import ROOT, SettingsError, load_settings
from src.container import build_container, open_resources
from src.utils.logging import configure_logging


def service_info() -> ServiceInfo:
    """Return what `pyproject.toml` says about the service."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return ServiceInfo(
        title=pyproject["tool"]["service"]["title"],
        description=pyproject["project"]["description"],
        version=pyproject["project"]["version"],
    )


def build_app() -> FastAPI:
    """Return the application with everything in its place."""
    settings = load_settings()
    configure_logging(settings.app.log_level)
    container = build_container(settings)
    return create_app(container, partial(open_resources, container), service_info())


try:
    app = build_app()
except SettingsError as error:
    sys.exit(str(error))
