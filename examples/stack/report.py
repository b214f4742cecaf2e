"""What the example prints."""

from __future__ import annotations

import shutil
from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING

from stack.customers import TENANTS
from stack.expectations import LIBRARIES, library

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stack.customers import Request
    from stack.expectations import Check
    from stack.servers import Kind

    from otel_ctxlog.receiver import ReceivedRecord, Style

__all__ = ["Report"]

_BOLD, _DIM, _GREEN, _RED = "1", "2", "32", "1;31"
_COLUMNS = (*LIBRARIES, "stack")


class Report:
    """Prints to standard output, in the width of the terminal.

    Args:
        style: colours or none.
    """

    def __init__(self, style: Style) -> None:
        self._style = style
        self._width = shutil.get_terminal_size((120, 24)).columns

    def say(self, text: str = "", *codes: str) -> None:
        """Print a line, cut to the width."""
        line = text if len(text) <= self._width else f"{text[: self._width - 1]}…"
        print(self._style.paint(line, *codes) if codes else line, flush=True)

    def title(self, text: str) -> None:
        """Print a heading."""
        self.say()
        self.say(text, _BOLD)

    def by_tenant(self, kind: Kind, requests: Iterable[Request], records: Iterable[ReceivedRecord]) -> None:
        """Print how many records of each library arrived for the requests of each tenant, from both services."""
        tenant_of = {request.trace_id: request.tenant for request in requests if request.service == kind.name}
        sent = Counter(tenant_of.values())
        arrived = Counter((tenant_of[r.trace_id], library(r)) for r in records if r.trace_id in tenant_of)
        self.say("  " + f"{'tenant':<10}{'requests':>10}" + "".join(f"{name:>12}" for name in _COLUMNS))
        for tenant in TENANTS:
            cells = "".join(f"{arrived[tenant, name] or '·':>12}" for name in _COLUMNS)
            self.say("  " + f"{tenant:<10}{sent[tenant]:>10}{cells}")

    def trace(self, records: Sequence[ReceivedRecord]) -> None:
        """Print the records of one trace in order of time; those of one logger in a row take one line."""
        ordered = sorted(records, key=lambda record: record.time_unix_nano)
        first = ordered[0].time_unix_nano if ordered else 0
        for (service, name), row in groupby(ordered, key=lambda record: (record.service_name, record.scope_name)):
            found = list(row)
            offset = (found[0].time_unix_nano - first) / 1e6
            bodies = " | ".join(" ".join(str(record.body).split()) for record in found)
            self.say(f"  {offset:+7.1f} ms  {service.partition('-')[0]:<7}{name:<30}{len(found):>2}  {bodies}")

    def checks(self, checks: Iterable[Check]) -> None:
        """Print expectations with a mark each."""
        for item in checks:
            self.say(f"  {'✓' if item.holds else '✗'} {item.text}", _GREEN if item.holds else _RED)
