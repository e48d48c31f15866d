import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from typing import Any
from uuid import UUID

import pytest
import structlog

from src.utils.logging import configure_logging

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Log from INFO on. Each call returns the lines since the last call, parsed."""
    root = logging.getLogger()
    config = structlog.get_config()
    handlers = root.handlers[:]
    level = root.level
    stdout = io.TextIOWrapper(io.BytesIO(), write_through=True)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).addHandler(logging.StreamHandler(stdout))
    with redirect_stdout(stdout):
        configure_logging("INFO")
    structlog.contextvars.clear_contextvars()

    def written() -> list[dict[str, Any]]:
        stdout.seek(0)
        text = stdout.read()
        stdout.seek(0)
        stdout.truncate()
        return [json.loads(line) for line in text.splitlines()]

    yield written
    structlog.contextvars.clear_contextvars()
    structlog.configure(**config)
    root.handlers[:] = handlers
    root.level = level


def fail_to_log_in(password: str) -> None:
    secret_copy = password
    raise RuntimeError("it broke", len(secret_copy))


def test_a_log_line_is_one_json_object_with_time_level_and_event(lines: Lines) -> None:
    structlog.get_logger().info("user_registered", count=2, text="two\nlines")

    [line] = lines()
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "user_registered",
        "level": "info",
        "count": 2,
        "text": "two\nlines",
    }


def test_a_value_without_a_json_type_is_logged_as_text(lines: Lines) -> None:
    user_id = UUID(int=7)

    structlog.get_logger().info("seen", user_id=user_id, error=ValueError("bad"))

    [line] = lines()
    assert line["user_id"] == str(user_id)
    assert line["error"] == "bad"


def test_a_lone_surrogate_in_a_log_line_does_not_make_logging_fail(lines: Lines) -> None:
    structlog.get_logger().info("seen", error="a lone surrogate: \ud800")

    [line] = lines()
    assert line["event"] == "seen"


def test_every_log_line_of_a_request_carries_its_request_id(lines: Lines) -> None:
    with structlog.contextvars.bound_contextvars(request_id="a-request"):
        structlog.get_logger().info("ours")
        logging.getLogger("library").warning("theirs")
    structlog.get_logger().info("later")

    ours, theirs, later = lines()
    assert ours["request_id"] == theirs["request_id"] == "a-request"
    assert "request_id" not in later


def test_a_logged_exception_does_not_contain_the_values_of_local_variables(lines: Lines) -> None:
    try:
        fail_to_log_in("hunter2-hunter2")
    except RuntimeError:
        structlog.get_logger().exception("ours")
        logging.getLogger("library").exception("theirs")

    ours, theirs = lines()
    for line in (ours, theirs):
        [exception] = line["exception"]
        assert exception["exc_type"] == "RuntimeError"
        assert exception["frames"][-1]["name"] == "fail_to_log_in"
        assert "hunter2" not in json.dumps(line)


def test_lines_of_the_standard_library_are_formatted_alike_and_name_their_logger(
    lines: Lines,
) -> None:
    logging.getLogger("some.library").warning("only %d left", 3)

    [line] = lines()
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "only 3 left", "level": "warning", "logger": "some.library"}


def test_log_lines_below_the_level_are_not_written(lines: Lines) -> None:
    structlog.get_logger().debug("ours")
    logging.getLogger("uvicorn.error").debug("theirs")

    assert lines() == []


def test_libraries_log_from_warning_on_and_uvicorn_from_the_services_level_on(lines: Lines) -> None:
    logging.getLogger("some.library").info("chatter")
    logging.getLogger("uvicorn.error").info("Application startup complete.")

    [line] = lines()
    assert line["event"] == "Application startup complete."


def test_a_line_of_uvicorn_is_written_once_although_uvicorn_has_handlers_of_its_own(
    lines: Lines,
) -> None:
    logging.getLogger("uvicorn.error").error("once")

    assert [line["event"] for line in lines()] == ["once"]


def test_an_unknown_log_level_is_an_error(lines: Lines) -> None:
    with pytest.raises(KeyError):
        configure_logging("CHATTY")


def fail_in_one_place() -> None:
    raise ConnectionError("no answer\nwith details")


def fail_in_another_place() -> None:
    raise ConnectionError("no answer")


def log_failure(fail: Callable[[], None], event: str = "failed", **fields: object) -> None:
    """Log an error with its traceback."""
    try:
        fail()
    except ConnectionError as error:
        structlog.get_logger().warning(event, exc_info=error, **fields)


@pytest.fixture
def no_traces_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src.utils.logging._traced_at", {})


@pytest.mark.usefixtures("no_traces_yet")
def test_a_repeated_error_is_logged_with_one_traceback_a_minute_and_short_lines(
    lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        log_failure(fail_in_one_place)
    first, *others = lines()
    assert "exception" in first
    for line in others:
        assert line["error"] == "ConnectionError: no answer"
        assert not {"exception", "exc_info"} & line.keys()

    monkeypatch.setattr("src.utils.logging.TRACE_SECONDS", 0)
    log_failure(fail_in_one_place)
    [again] = lines()
    assert "exception" in again


@pytest.mark.usefixtures("no_traces_yet")
def test_every_kind_of_error_is_logged_with_its_own_traceback(lines: Lines) -> None:
    log_failure(fail_in_one_place)
    log_failure(fail_in_another_place)
    log_failure(fail_in_one_place, "another event")

    assert ["exception" in line for line in lines()] == [True] * 3


@pytest.mark.usefixtures("no_traces_yet")
def test_a_short_line_keeps_the_error_that_the_caller_named(
    lines: Lines,
) -> None:
    for number in range(2):
        log_failure(fail_in_one_place, error=f"named {number}")
    assert lines()[1]["error"] == "named 1"


@pytest.mark.usefixtures("no_traces_yet")
def test_the_lines_of_libraries_have_one_traceback_a_minute_too(lines: Lines) -> None:
    for _ in range(2):
        try:
            fail_in_one_place()
        except ConnectionError:
            logging.getLogger("library").exception("theirs")

    first, second = lines()
    assert "exception" in first
    assert second["error"] == "ConnectionError: no answer"
