"""One JSON object a line, with trace ids, without secrets, whoever writes it."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.typing import EventDict

from receiver.telemetry.logs import LogFactory, build_logging
from receiver.telemetry.tracing import build_tracing


def _stamp(_logger: object, _method: str, event: EventDict) -> EventDict:
    event["timestamp"] = "2026-08-20T10:00:00Z"
    return event


@pytest.fixture
def stream() -> io.BytesIO:
    return io.BytesIO()


@pytest.fixture
def logs(stream: io.BytesIO) -> LogFactory:
    return build_logging("info", stream, _stamp)


@contextmanager
def captured(logs: LogFactory) -> Iterator[None]:
    """Capture inside a test's body alone, since pytest sets handlers of its own around it."""
    undo = logs.capture_stdlib()
    try:
        yield
    finally:
        undo()


def failing(message: str) -> None:
    """Raise an exception with this message."""
    raise RuntimeError(message)


def lines(stream: io.BytesIO) -> list[dict[str, Any]]:
    """Return what was written, one object a line."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_says_when_who_and_what(logs: LogFactory, stream: io.BytesIO) -> None:
    logs("receiver.ingest").warning("body quarantined", source="prod", alerts=3)
    assert lines(stream) == [
        {
            "timestamp": "2026-08-20T10:00:00Z",
            "level": "warning",
            "logger": "receiver.ingest",
            "event": "body quarantined",
            "source": "prod",
            "alerts": 3,
        }
    ]


def test_the_wall_clock_stamps_by_default(stream: io.BytesIO) -> None:
    build_logging("info", stream)("x").info("hello")
    assert lines(stream)[0]["timestamp"].endswith("Z")


def test_below_the_level_nothing_is_written(logs: LogFactory, stream: io.BytesIO) -> None:
    logs("x").debug("hidden")
    assert lines(stream) == []


def test_an_unknown_level_is_refused_with_the_cure(stream: io.BytesIO) -> None:
    with pytest.raises(ValueError, match="'loud'; use one of debug, info"):
        build_logging("loud", stream)


def test_the_current_span_is_named(logs: LogFactory, stream: io.BytesIO) -> None:
    tracing = build_tracing({}, "1")
    with tracing.tracer.start_as_current_span("deliver") as span:
        logs("x").info("inside")
    logs("x").info("outside")
    context = span.get_span_context()
    inside, outside = lines(stream)
    assert inside["trace_id"] == f"{context.trace_id:032x}"
    assert inside["span_id"] == f"{context.span_id:016x}"
    assert "trace_id" not in outside


def test_secrets_are_masked(logs: LogFactory, stream: io.BytesIO) -> None:
    logs("x").info(
        "call failed",
        url="https://open.feishu.cn/open-apis/bot/v2/hook/aaaa-bbbb",
        app_secret="s3cr3t",  # noqa: S106 - the secret that must not be seen
        detail={"text": "token t-g1044qeGEDXTB6NDJOGV4JQCYDGHRBARFTGT1234"},
    )
    written = stream.getvalue()
    assert b"aaaa-bbbb" not in written
    assert b"s3cr3t" not in written
    assert b"g1044" not in written


def test_an_exceptions_message_is_masked_too(logs: LogFactory, stream: io.BytesIO) -> None:
    try:
        failing("https://open.feishu.cn/open-apis/bot/v2/hook/aaaa-bbbb said no")
    except RuntimeError:
        logs("x").exception("send failed")
    assert b"aaaa-bbbb" not in stream.getvalue()
    assert "RuntimeError" in lines(stream)[0]["exception"]


@given(st.dictionaries(st.text(max_size=20), st.text() | st.integers() | st.binary(), max_size=5))
def test_whatever_arrives_one_valid_line_leaves(fields: dict[str, Any]) -> None:
    stream = io.BytesIO()
    fields.pop("event", None)
    build_logging("info", stream, _stamp)("x").info("arrived", payload=fields)
    assert len(lines(stream)) == 1


def test_a_lone_surrogate_is_written(logs: LogFactory, stream: io.BytesIO) -> None:
    logs("x").info("odd", text="\ud800", what=object)
    assert lines(stream)[0]["text"] == "\ud800"


def test_an_unknown_type_is_written_as_its_repr(logs: LogFactory, stream: io.BytesIO) -> None:
    logs("x").info("odd", what=complex(1, 2))
    assert lines(stream)[0]["what"] == "(1+2j)"


def test_the_standard_librarys_logging_joins(logs: LogFactory, stream: io.BytesIO) -> None:
    with captured(logs):
        logging.getLogger("uvicorn.error").info("Started server process [%d]", 42)
        logging.getLogger("odd").log(35, "between warning and error")
    first, second = lines(stream)
    assert (first["logger"], first["event"]) == ("uvicorn.error", "Started server process [42]")
    assert second["level"] == "warning"


def test_a_foreign_exception_is_one_line(logs: LogFactory, stream: io.BytesIO) -> None:
    with captured(logs):
        try:
            failing("x")
        except RuntimeError:
            logging.getLogger("asyncio").exception("Task failed")
    assert "RuntimeError: x" in lines(stream)[0]["exception"]


def test_httpx_says_nothing_of_each_request(logs: LogFactory, stream: io.BytesIO) -> None:
    with captured(logs):
        logging.getLogger("httpx").info("HTTP Request: POST https://x")
    assert lines(stream) == []


def test_a_foreign_record_that_cannot_be_formatted_fails_nobody(
    logs: LogFactory, stream: io.BytesIO, capsys: pytest.CaptureFixture[str]
) -> None:
    with captured(logs):
        logging.getLogger("broken").warning("%d", "not a number")
    assert lines(stream) == []
    assert "not a number" in capsys.readouterr().err


def test_capturing_is_undone(logs: LogFactory) -> None:
    root = logging.getLogger()
    before = (root.level, root.handlers[:], logging.getLogger("httpx").level)
    undo = logs.capture_stdlib()
    undo()
    assert (root.level, root.handlers, logging.getLogger("httpx").level) == before


class _Broken(io.RawIOBase):
    def write(self, _line: object) -> int:
        raise BrokenPipeError

    def flush(self) -> None:
        if not self.closed:
            raise BrokenPipeError

    def close(self) -> None:
        """Do nothing: a broken pipe has nothing left to close."""


def test_a_broken_pipe_fails_nobody() -> None:
    build_logging("info", _Broken())("x").info("lost")  # type: ignore[arg-type]
