"""Records for people and for log collectors, on a text stream: human, padded and JSON lines.

::

    import otel_ctxlog as cl
    from otel_ctxlog import console

    ctx = cl.LoggingContext(console.ConsoleSink(format="padded"))
    ctx.logger(cl.Realm("shop/db")).info("read {{rows}} rows of {{table}}", rows=3, table="users")

Importing this package loads no OpenTelemetry SDK: `ConsoleExporter`, which needs it, is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_ctxlog.console.find import NoConsoleError, stream
from otel_ctxlog.console.formats import ConsoleFormat
from otel_ctxlog.console.handler import ConsoleFormatter, ConsoleHandler
from otel_ctxlog.console.human import HumanFormat
from otel_ctxlog.console.json_lines import JsonLinesFormat
from otel_ctxlog.console.padded import PaddedFormat
from otel_ctxlog.console.record import ConsoleRecord
from otel_ctxlog.console.sink import ConsoleSink
from otel_ctxlog.console.text_stream import ConsoleStream

if TYPE_CHECKING:
    from otel_ctxlog.console.exporter import ConsoleExporter

__all__ = [
    "ConsoleExporter",
    "ConsoleFormat",
    "ConsoleFormatter",
    "ConsoleHandler",
    "ConsoleRecord",
    "ConsoleSink",
    "ConsoleStream",
    "HumanFormat",
    "JsonLinesFormat",
    "NoConsoleError",
    "PaddedFormat",
    "stream",
]

if not TYPE_CHECKING:  # type checkers know all names, and have to refuse others

    def __getattr__(name):  # noqa: ANN001, ANN202
        """Load what needs the SDK when it is first used."""
        if name == "ConsoleExporter":
            from otel_ctxlog.console.exporter import ConsoleExporter

            globals()[name] = ConsoleExporter
            return ConsoleExporter
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
