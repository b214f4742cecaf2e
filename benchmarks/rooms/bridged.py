"""stdlib logging with our bridge installed, next to the same calls without it."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import otel_ctxlog as cl
from benchmarks.model import Case, Cases, Library, group
from benchmarks.rivals import SCOPE, debug, info, logging_handler, names
from benchmarks.rooms.written import fields
from benchmarks.shop import provider, span_only
from benchmarks.timing import Before, timed
from otel_ctxlog.bridges import stdlib


def _logger(name: str, handler: logging.Handler) -> logging.Logger:
    """Return a logger of the one tree of the process, since it is that tree that is bridged."""
    made = logging.getLogger(f"{SCOPE}.{name}")
    made.setLevel(logging.INFO)
    made.propagate = False
    made.handlers[:] = [handler]
    return made


def _case(scenario: str, library: Library, statement: str, given: Mapping[str, object], before: Before) -> Case:
    return timed(scenario, library, statement, dict(given), before=before)


@group()
def installed() -> Cases:
    """A call on a stdlib logger while the bridge is installed (otel_ctxlog), and while it is not."""
    context = cl.LoggingContext(provider())
    plain = _logger("plain", logging.NullHandler())
    handled = _logger("handled", logging_handler(provider()))
    three = fields(3)

    def install() -> None:
        stdlib.uninstall()
        stdlib.install(context)
        plain.debug("once, since the first call after a change looks closer")

    cases: list[Case] = []
    off, written = "off, stdlib logging, bridge installed", "written, 3 fields, stdlib logging, bridge installed"
    for library, before in ((Library.OURS, install), (Library.STDLIB, stdlib.uninstall)):
        cases.append(_case(off, library, debug(Library.STDLIB, {}), names(plain, {}), before))
    for library, log, before in ((Library.OURS, plain, install), (Library.HANDLER, handled, stdlib.uninstall)):
        cases.append(_case(written, library, info(Library.STDLIB, three), names(log, three), before))
    with span_only():
        yield cases
    stdlib.uninstall()
