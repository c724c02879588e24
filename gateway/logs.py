"""How faults are logged: with the lines that led to them, never with the values of variables, which may be secrets."""

import structlog


def configure_logs() -> None:
    """Set this up, unless whoever runs us has set up something else."""
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
