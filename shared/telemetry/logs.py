"""Structured logs: one JSON object per line in production, readable lines in development."""

import logging.config
from typing import TYPE_CHECKING, Any

import structlog

from shared.telemetry import trace

if TYPE_CHECKING:
    from structlog.typing import EventDict, WrappedLogger

    from shared.settings.environment import Environment


def add_trace(_: "WrappedLogger", __: str, event: "EventDict") -> "EventDict":
    """A structlog processor: every line inside a request or a message names its trace."""
    current = trace.current()
    if current is not None:
        event["trace_id"] = current.trace_id
    return event


SHARED_PROCESSORS: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    add_trace,
]


def logging_settings(service: str, env: "Environment") -> dict[str, Any]:
    """Django's LOGGING for `service`, written to standard error."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if env.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": SHARED_PROCESSORS,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    _named(service),
                    renderer,
                ],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["stderr"], "level": env.log_level},
        "loggers": {
            "django.request": {"level": "ERROR"},  # our access line says the rest
            "django.server": {"level": "WARNING"},
            "pymongo": {"level": "WARNING"},
            "asyncio": {"level": "WARNING"},
        },
    }


def _named(service: str) -> Any:
    def add_service(_: "WrappedLogger", __: str, event: "EventDict") -> "EventDict":
        event["service"] = service
        return event

    return add_service


def configure(settings: dict[str, Any]) -> None:
    """Django's LOGGING_CONFIG: the standard library's logging, and structlog on top of it."""
    logging.config.dictConfig(settings)
    structlog.configure(
        processors=[*SHARED_PROCESSORS, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
