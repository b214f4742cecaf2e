"""The place of a call is the caller's for everybody who looks for it, while the bridge is installed as before."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import inspect, logging, sys
import structlog
from loguru import logger as loguru_logger
import otel_ctxlog as cl
from otel_ctxlog.bridges import stdlib


class Intercept(logging.Handler):  # as in loguru's documentation
    def emit(self, record):
        frame, depth = inspect.currentframe(), 0
        while frame:
            filename = frame.f_code.co_filename
            is_logging = filename == logging.__file__
            if depth > 0 and not (is_logging or "importlib" in filename):
                break
            frame, depth = frame.f_back, depth + 1
        loguru_logger.opt(depth=depth).log(record.levelname, record.getMessage())


class Nowhere:
    def enabled(self, level): return True
    def emit(self, **_): pass


logging.basicConfig(format="%(filename)s %(funcName)s %(message)s", level=logging.INFO, stream=sys.stdout)
logging.getLogger("lib").addHandler(Intercept())
logging.getLogger("lib").propagate = False
structlog.configure(
    wrapper_class=structlog.stdlib.BoundLogger,
    logger_factory=structlog.stdlib.LoggerFactory(),
    processors=[structlog.stdlib.render_to_log_kwargs],
)
loguru_logger.remove()
loguru_logger.add(sys.stdout, format="{function} {message}")


def say():
    structlog.get_logger("shop").info("by structlog")
    logging.getLogger("lib.x").info("by loguru")
    logging.getLogger("shop").info("by logging")


def outer():
    inner()


def inner():
    logging.getLogger("shop").info("one up", stacklevel=2)


say()
outer()
stdlib.install(cl.LoggingContext(Nowhere()))
say()
outer()
"""


def test_call_sites_are_the_same_with_the_bridge() -> None:
    """Structlog over `logging`, loguru's InterceptHandler, and `stacklevel`: all name the function that logged."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True)
    lines = done.stdout.splitlines()

    assert lines[:4] == [
        "<string> say by structlog",
        "say by loguru",
        "<string> say by logging",
        "<string> outer one up",
    ]
    assert lines[4:] == lines[:4]


def test_diagnostics_are_shown_where_nobody_hears_them() -> None:
    """With an official handler alone, which is kept quiet, diagnostics go to standard error and feed nothing back."""
    program = """
import logging, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
import otel_ctxlog as cl
from otel_ctxlog.bridges import stdlib

exporter = InMemoryLogRecordExporter()
provider = LoggerProvider(shutdown_on_exit=False)
provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
logging.getLogger().addHandler(LoggingHandler(logger_provider=provider))
stdlib.install(cl.LoggingContext(provider))
logging.getLogger("shop").warning("low")
logging.getLogger("otel_ctxlog").error("a diagnostic")
print([str(record.log_record.body) for record in exporter.get_finished_logs()], flush=True)
# On some Pythons the official handler fails at the interpreter's exit, and says so there.
import os
os._exit(0)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout == "['low']\n"
    assert [line for line in done.stderr.splitlines() if "LoggingHandler" not in line] == ["a diagnostic"]
