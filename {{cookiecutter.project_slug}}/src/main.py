"""The API: `uvicorn src.main:app`."""

import tomllib

from src.api.app import create_app
from src.config import load_settings
from src.container import build_container, open_resources
from src.utils.logging import configure_logging
from src.utils.settings import ROOT

settings = load_settings()
configure_logging(settings.app.log_level)
pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
app = create_app(
    build_container(settings),
    open_resources,
    cors_origins=settings.app.cors_origins,
    openapi_url="/openapi.json" if settings.app.docs_enabled else None,
    title=pyproject["tool"]["service"]["title"],
    description=pyproject["project"]["description"],
    version=pyproject["project"]["version"],
)
