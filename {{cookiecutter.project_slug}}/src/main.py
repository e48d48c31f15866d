"""The API: `uvicorn src.main:app`."""

import tomllib

from src.api.app import create_app
from src.config import AppSettings
from src.container import build_container, load_settings, open_service
from src.utils.logging import configure_logging
from src.utils.settings import ROOT

settings = load_settings()
app_settings = settings[AppSettings]
configure_logging(app_settings.log_level)
pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
app = create_app(
    build_container(settings),
    open_service,
    title=pyproject["tool"]["service"]["title"],
    description=pyproject["project"]["description"],
    version=pyproject["project"]["version"],
    docs_enabled=app_settings.docs_enabled,
    cors_origins=app_settings.cors_origins,
    root_path=app_settings.root_path,
    drain_seconds=app_settings.drain_seconds,
)
