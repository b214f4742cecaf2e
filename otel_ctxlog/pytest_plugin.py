"""The pytest plugin: the fixture ``ctxlog``, and what it captured in the report of a test that failed.

Until a test asks for the fixture, nothing is loaded but this module and the face of the package, which loads neither
the SDK nor YAML.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from otel_ctxlog.testing import Capture

__all__ = ["ctxlog", "pytest_runtest_makereport"]

_CAPTURE: Final = pytest.StashKey["Capture"]()
_REPORTED: Final = pytest.StashKey[tuple[int, int]]()


@pytest.fixture
def ctxlog(request: pytest.FixtureRequest) -> Iterator[Capture]:
    """Captures what the default context logs: records, events, and what the rules suppressed and why.

    ``ctxlog.assert_logged("price calculated", level="debug", net=84)``, ``ctxlog.with_rules(…)``,
    ``ctxlog.capture(context)`` for code with a context of its own. See `otel_ctxlog.testing.Capture`.
    """
    from otel_ctxlog.testing import capture

    with capture() as captured:
        request.node.stash[_CAPTURE] = captured
        yield captured


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Put what was logged in a phase of a test into its report, as section "Captured ctxlog"."""
    captured = item.stash.get(_CAPTURE, None)
    if captured is None:
        return
    # What was suppressed is looked at where something failed: it is the many, and of no use otherwise.
    text, reported = captured.report(item.stash.get(_REPORTED, (0, 0)), suppressed=call.excinfo is not None)
    item.stash[_REPORTED] = reported
    if text:
        item.add_report_section(call.when, "ctxlog", text)
