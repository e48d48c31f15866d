"""Structured logs: one JSON object per line on standard output, including libraries' lines."""

import json
import logging
import sys
from typing import Any

import orjson
import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor

SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    # Without local variables, which may contain a password or a token.
    structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
]


def _to_json(line: EventDict, **options: Any) -> bytes:
    """Return the line as JSON. Never raises, so a log call cannot make its caller fail."""
    try:
        return orjson.dumps(line, **options)
    except TypeError:  # a lone surrogate, a large integer, a key that is not text
        return json.dumps(line, **options).encode()


def configure_logging(level: str) -> None:
    """Configure structlog and the standard library to log from `level` ("DEBUG", "INFO", …) on.

    The service's own lines bypass the standard library's logging, which costs three times as much.
    """
    number = logging.getLevelNamesMapping()[level]
    structlog.configure(
        processors=[*SHARED, structlog.processors.JSONRenderer(_to_json, default=str)],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.BytesLoggerFactory(sys.stdout.buffer),
        cache_logger_on_first_use=True,
    )
    _catch_standard_logging(number)


def _catch_standard_logging(level: int) -> None:
    """Format the lines of Uvicorn and other libraries like the service's own."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*SHARED, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(default=str),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)
    logging.getLogger("uvicorn.error").setLevel(level)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
