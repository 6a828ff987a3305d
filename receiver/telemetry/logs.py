"""JSON lines with trace ids and without secrets; one factory, constructed and passed."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any, BinaryIO, cast

import msgspec
import structlog
from opentelemetry import trace
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from receiver.telemetry.redaction import redact_text, redact_values

LEVELS = ("debug", "info", "warning", "error", "critical")

# Each of these logs a line per request at its own info level; ours say more.
_QUIETER = ("httpx", "httpcore", "uvicorn.access")

_FIRST = ("timestamp", "level", "logger", "event", "trace_id", "span_id")

_encoder = msgspec.json.Encoder(enc_hook=repr)


class LogFactory:
    """Makes loggers that write to one stream; call it with the logger's name."""

    def __init__(self, level: int, sink: structlog.BytesLogger, stamp: Processor) -> None:
        self._level = level
        self._sink = sink
        self._processors: list[Processor] = [
            structlog.processors.add_log_level,
            stamp,
            _add_trace,
            structlog.processors.format_exc_info,
            _redact,
            _render,
        ]

    def __call__(self, name: str) -> FilteringBoundLogger:
        """Return the logger of this name; below the level a call costs half a microsecond."""
        lazy = structlog.wrap_logger(
            self._sink,
            processors=self._processors,
            wrapper_class=structlog.make_filtering_bound_logger(self._level),
            context_class=dict,
        )
        return cast(FilteringBoundLogger, lazy.bind(logger=name))

    def capture_stdlib(self) -> Callable[[], None]:
        """Send the standard library's logging here too; return what undoes it.

        Start uvicorn with `log_config=None`, or it puts its own handlers back.
        """
        root = logging.getLogger()
        before = (root.level, root.handlers[:])
        levels = {name: logging.getLogger(name).level for name in _QUIETER}
        root.handlers[:] = [_Captured(self)]
        root.setLevel(self._level)
        for name in _QUIETER:
            logging.getLogger(name).setLevel(max(self._level, logging.WARNING))

        def undo() -> None:
            root.setLevel(before[0])
            root.handlers[:] = before[1]
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)

        return undo


def build_logging(level: str, stream: BinaryIO, stamp: Processor | None = None) -> LogFactory:
    """Build the factory of loggers for a binary stream, such as `sys.stderr.buffer`.

    `stamp` adds the `timestamp`, by default the wall clock in UTC. Raises ValueError for a level
    that is not one of `LEVELS`.
    """
    if level.lower() not in LEVELS:
        raise ValueError(f"log level is {level!r}; use one of {', '.join(LEVELS)}")
    sink = structlog.BytesLogger(cast(BinaryIO, _Forgiving(stream)))
    stamp = stamp or structlog.processors.TimeStamper(fmt="iso", utc=True)
    return LogFactory(logging.getLevelNamesMapping()[level.upper()], sink, stamp)


class _Forgiving:
    """A stream that drops what cannot be written: a broken pipe must not fail a webhook."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, line: bytes) -> int:
        try:
            return self._stream.write(line)
        except (OSError, ValueError):
            return 0

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            return


class _Captured(logging.Handler):
    """Hands the standard library's records to our loggers."""

    def __init__(self, factory: LogFactory) -> None:
        super().__init__()
        self._factory = factory
        self._loggers: dict[str, FilteringBoundLogger] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; the level was checked by its own logger."""
        logger = self._loggers.get(record.name)
        if logger is None:
            logger = self._loggers[record.name] = self._factory(record.name)
        # structlog knows the five levels alone.
        level = min(max(record.levelno // 10 * 10, logging.DEBUG), logging.CRITICAL)
        try:
            logger.log(level, record.getMessage(), exc_info=record.exc_info)
        except Exception:  # noqa: BLE001 - a foreign record that cannot be formatted
            self.handleError(record)


def _add_trace(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event.setdefault("trace_id", f"{context.trace_id:032x}")
        event.setdefault("span_id", f"{context.span_id:016x}")
    return event


def _redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    masked = redact_values(event)
    first = {key: masked.pop(key) for key in _FIRST if key in masked}
    return {**first, **masked}


def _render(_logger: WrappedLogger, _method: str, event: EventDict) -> bytes:
    return redact_text(_encode(event)).encode()


def _encode(event: Any) -> str:
    try:
        return _encoder.encode(event).decode()
    except (TypeError, ValueError):
        # A lone surrogate is no UTF-8; the standard library escapes it.
        return json.dumps(event, default=repr)
