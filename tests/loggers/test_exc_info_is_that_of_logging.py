"""``exc_info=`` in a call: the exception of the record, as in ``logging``, and no attribute."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

import otel_ctxlog as cl

if TYPE_CHECKING:
    from collections.abc import Callable

    Logging = Callable[[], cl.Logger]

KINDS = pytest.mark.parametrize("kind", ["bound", "unbound"])


class Written:
    """A context, and the records that come out of it."""

    def __init__(self) -> None:
        self.exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call] # of the SDK
        provider = LoggerProvider(shutdown_on_exit=False)
        provider.add_log_record_processor(SimpleLogRecordProcessor(self.exporter))
        self.context = cl.LoggingContext(provider)

    def logger(self, kind: str) -> cl.Logger:
        """A logger of that kind."""
        return self.context.logger() if kind == "bound" else self.context.unbound_logger()

    def attributes(self) -> dict[str, Any]:
        """The attributes of the only record."""
        [record] = self.exporter.get_finished_logs()
        return dict(record.log_record.attributes or {})


def raised() -> ValueError:
    """An exception that was raised and caught."""
    try:
        int("no goods")
    except ValueError as error:
        return error
    raise AssertionError


@KINDS
@pytest.mark.parametrize("method", ["error", "critical", "warning", "info"])
def test_an_exception_is_that_of_the_record(kind: str, method: str) -> None:
    """Its type, text and stack are where every exception is, beside the other attributes."""
    written = Written()
    getattr(written.logger(kind), method)("failed", exc_info=raised(), n=1)

    found = written.attributes()
    assert found.pop("exception.stacktrace").startswith("Traceback")
    assert found.pop("exception.message").endswith("'no goods'")
    assert found == {"n": 1, "exception.type": "ValueError"}


@KINDS
def test_true_is_the_exception_being_handled(kind: str) -> None:
    """And so is what ``sys.exc_info`` returns."""
    for given in (True, None):
        written = Written()
        try:
            os.environ["NO_SUCH_VARIABLE"]
        except KeyError:
            written.logger(kind).error("failed", exc_info=sys.exc_info() if given is None else given)

        assert written.attributes()["exception.type"] == "KeyError"
        assert "exc_info" not in written.attributes()


@KINDS
@pytest.mark.parametrize("given", [True, False, None, (None, None, None)])
def test_without_an_exception_nothing_is_added(kind: str, given: object) -> None:
    """No attribute that says nothing."""
    written = Written()
    written.logger(kind).error("failed", exc_info=given)

    assert written.attributes() == {}


@KINDS
@pytest.mark.parametrize("given", ["yes", 1, (1, 2)])
def test_anything_else_stays_an_attribute(kind: str, given: object) -> None:
    """What is no exception was meant otherwise, and is not thrown away."""
    written = Written()
    written.logger(kind).error("failed", exc_info=given)

    assert written.attributes() == {"exc_info": given}


def test_the_exception_of_the_call_itself_wins() -> None:
    """`log_error` and `exception` have one already."""
    written = Written()
    written.context.logger().log_error(raised(), "failed", exc_info=KeyError("other"))

    assert written.attributes()["exception.type"] == "ValueError"
    assert "exc_info" not in written.attributes()


def test_a_field_of_that_name_is_a_field() -> None:
    """Only the keyword is that of ``logging``; a mapping or a pair says what it says."""
    written = Written()
    written.context.logger().error("failed", {"exc_info": True})

    assert written.attributes() == {"exc_info": True}
