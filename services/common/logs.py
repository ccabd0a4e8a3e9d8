"""Structured logs: readable in a terminal, JSON in production. Bind `session` and `turn` once, where they are known."""

import logging
import sys

import stamina
import structlog
from structlog.tracebacks import ExceptionDictTransformer

from services.common.settings import Settings

# Without the variables of each frame, in either format: they hold what people said, and keys.
_TRACEBACKS = structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))


def configure_logs(service: str, settings: Settings) -> None:
    """Route structlog and the standard library's loggers to stdout in one format, with `service` on each line."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso" if settings.log_format == "json" else "%H:%M:%S"),
    ]
    if settings.log_format == "json":
        shared.append(_TRACEBACKS)
        renderer: structlog.typing.Processor = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stdout.isatty(), pad_event_to=30, exception_formatter=structlog.dev.plain_traceback
        )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    if settings.log_format == "json":  # a terminal shows it before each line already
        structlog.contextvars.bind_contextvars(service=service)
    stamina.instrumentation.set_on_retry_hooks([_log_retry])
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    # One line a request is the access log's business and drowns what matters; libraries speak up from warnings on.
    for noisy in (
        "uvicorn.access",
        "uvicorn.error",
        "httpx",
        "httpcore",
        "httpx2",
        "httpcore2",
        "openai",
        "aiortc",
        "aioice",
        "asyncio",
        "bm25s",
        "watchfiles",
    ):
        logging.getLogger(noisy).setLevel(max(level, logging.WARNING))


def logger() -> structlog.typing.FilteringBoundLogger:
    """The logger of the service. Ask for it where a line is written, so that it is configured by then."""
    return structlog.get_logger()  # type: ignore[no-any-return]  # structlog types its factory as Any


def _log_retry(details: stamina.instrumentation.RetryDetails) -> None:
    """One attempt of many is a detail: that something is away was said once, where it was noticed."""
    logger().debug("trying again", reason=str(details.caused_by), in_s=round(details.wait_for, 2))
