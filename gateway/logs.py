"""How faults are logged: with the lines that led to them, never with the values of variables, which may be secrets."""

import logging

import structlog
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import RequestPayloadError


def configure_logs() -> None:
    """Set this up, unless whoever runs us has set up something else."""
    logging.getLogger("aiohttp.server").addFilter(is_fault)
    if structlog.is_configured():
        return
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
        ]
    )


def is_fault(record: logging.LogRecord) -> bool:
    """Whether a record of the HTTP server tells of a fault of ours.

    Bytes that are no HTTP, or not encoded as they say, are none: their sender is answered, and with a traceback for
    each anybody could fill the log.
    """
    return record.exc_info is None or not isinstance(record.exc_info[1], HttpProcessingError | RequestPayloadError)
